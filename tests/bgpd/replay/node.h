// A node without sockets: its configuration as bgpd.json has it, a Peer for each neighbour, the RIB, the clocks of a
// start and a kernel that is a map. Events go in, and what the node does comes out as lines of text. Wired as daemon.cc
// and neighbor_events.cc are; time is turned by hand.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bgpd/peer/peer.h"
#include "bgpd/rib/rib.h"
#include "bgpd/settings.h"
#include "bgpd/start_clocks.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp::replay {

/// Something the node did.
struct Done {
  Instant at;
  std::string who;  // a neighbour's name, "kernel" or "node"
  std::string what;
};

class Node {
 public:
  /// `kernel`: learned routes that an earlier life left ("20.1.0.0/16": "via 10.9.1.1"); with any, this is a restart.
  Node(config::BgpdConf conf, const std::map<std::string, std::string>& kernel);
  ~Node();

  /// Turns the clock, stopping at every deadline on the way.
  void turn_to(Instant at);
  void start();
  /// SIGTERM: closes every session so that helpers keep our routes.
  void close_for_restart();

  // ------------------------------------------------------------ what happens to a neighbour, by name
  /// The connection we asked for is there, or failed.
  void connected(const std::string& name);
  void refused(const std::string& name);
  /// It connects to us.
  void calls(const std::string& name);
  /// Bytes on its newest connection, or on the one with this number.
  void says(const std::string& name, const std::vector<std::uint8_t>& bytes, std::optional<ConnectionId> on);
  void hangs_up(const std::string& name, std::optional<ConnectionId> on);
  /// An operator's orders.
  void stop_neighbor(const std::string& name, const Notification& cease);
  void start_neighbor(const std::string& name);
  void refresh_out(const std::string& name);

  std::vector<Done> take_done();

 private:
  struct Neighbor;
  Neighbor& find(const std::string& name);
  void note(const std::string& who, std::string what);
  void perform(Neighbor& n, const Actions& actions);
  void on(Neighbor& n, const act::Connect& a);
  void on(Neighbor& n, const act::Send& a);
  void on(Neighbor& n, const act::Close& a);
  void on(Neighbor& n, const act::SessionUp& a);
  void on(Neighbor& n, const act::SessionDown& a);
  void on(Neighbor& n, const act::StaleExpired& a);
  void on(Neighbor&, const act::MessageRecorded&) {}  // nobody records here
  void on(Neighbor&, const act::StateRecorded&) {}
  void on(Neighbor& n, const act::LongLivedStale& a);
  void on(Neighbor& n, const act::UpdateReceived& a);
  void on(Neighbor& n, const act::RefreshReceived& a);
  void work();
  void check_clocks(bool rib_is_idle);
  void kernel_takes();
  void pull(Neighbor& n);
  std::optional<Instant> next_deadline() const;

  struct KernelRoute {
    std::string via;
    bool stale = false;
  };

  config::BgpdConf conf_;
  Instant now_{};
  Rib rib_;
  StartClocks clocks_;
  bool deferring_;
  bool ending_ = false;
  std::map<PeerId, std::unique_ptr<Neighbor>> neighbors_;
  std::map<std::string, KernelRoute> kernel_;
  std::vector<Done> done_;
};

}  // namespace slash32::bgp::replay
