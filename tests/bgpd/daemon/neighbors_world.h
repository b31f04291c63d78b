// All neighbours of a daemon without a daemon: over the loopback; the listeners' keys and BFD's orders are only noted
// down.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "bgpd/neighbors.h"
#include "bgpd/transport/listener.h"
#include "bgpd/wire/update.h"
#include "common/fd.h"

namespace slash32::bgp::testing {

inline const IpAddress kHere = IpAddress::v4(0x7F000001);

class NeighborsTest : public ::testing::Test {
 protected:
  NeighborsTest() {
    char name[] = "/tmp/slash32-neighbors-XXXXXX";
    if (::mkdtemp(name) != nullptr) folder_ = name;
    conf_.local_as = Asn{65001};
    config::DynamicNeighborConf range{.range = *Prefix::parse("127.0.0.0/8", true), .settings = {}};
    range.settings.name = "pods";
    range.settings.remote_as.asn = Asn{65002};
    range.settings.passive = true;
    conf_.dynamic_neighbors = {range};
    rib_.emplace(rib_settings(conf_, RouterId{1}, false), [](const NextHop&) { return NextHopState{}; });
    neighbors_.emplace(Neighbors::Deps{.loop = &loop_,
                                       .rib = &*rib_,
                                       .watch = &*watch_,
                                       .clocks = &clocks_,
                                       .work = [] {},
                                       .set_listen_keys = [this](const Prefix& peer, const TcpKeys& keys) -> Status {
                                         if (takes_no_key_) return fail(5, "no memory for keys");
                                         keys_[peer] = keys.md5;
                                         key_calls_.push_back(keys.md5);
                                         return ok();
                                       },
                                       .order_bfd =
                                           [this](PeerId peer, const std::optional<BfdOrder>& wanted) {
                                             bfd_orders_.emplace_back(peer, wanted);
                                           },
                                       .discover = [this](const auto& interfaces) { looked_at_ = interfaces; },
                                       .next_hop_died =
                                           [this](const IpAddress& address, IfIndex) {
                                             const auto up = only().up && only().session->status().last_error.empty();
                                             died_.emplace_back(address, up);
                                           }},
                       std::nullopt);
  }
  ~NeighborsTest() override { std::filesystem::remove_all(folder_); }

  config::NeighborConf& settings() { return conf_.dynamic_neighbors[0].settings; }
  void add_static(const std::optional<std::string>& password_file) {
    auto& one = conf_.neighbors.emplace_back();
    one.name = "tor1";
    one.address = IpAddress::v4(0x7F000008);
    one.remote_as.asn = Asn{65002};
    one.passive = true;
    one.password_file = password_file;
  }
  void add_unnumbered() {
    auto& one = conf_.neighbors.emplace_back();
    one.name = one.interface.emplace("eth9");
    one.bind_interface = one.interface;
    one.address = IpAddress::v6({});
    one.remote_as.asn = Asn{65002};
    one.passive = true;
    one.bfd.emplace();
  }
  const Neighbor& only() const { return *neighbors_->all().begin()->second; }
  void configure() { neighbors_->configure(conf_, RouterId{1}); }
  /// One connection from the loopback, as the listener hands it out.
  void call() {
    auto listener = bind_listener({kHere, 0});
    ASSERT_TRUE(listener);
    ASSERT_TRUE(start_listening(listener->get(), {kHere, 0}));
    auto client = begin_connect(*local_endpoint(listener->get()), {});
    ASSERT_TRUE(client);
    UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
    ASSERT_TRUE(fd);
    neighbors_->accepted(std::move(fd), {kHere, 40000}, {kHere, 179});
  }

  Loop loop_;
  Result<KernelWatch> watch_ = KernelWatch::open(TableId{254});
  StartClocks clocks_{false, Seconds{120}, {}};
  config::BgpdConf conf_;
  std::string folder_;
  std::map<Prefix, std::string> keys_;
  std::vector<std::string> key_calls_;
  std::vector<std::pair<PeerId, std::optional<BfdOrder>>> bfd_orders_;
  std::vector<std::pair<IpAddress, bool>> died_;  // next hops; whether the session was still there, as the RIB knows it
  std::set<std::string> looked_at_;
  bool takes_no_key_ = false;
  std::optional<Rib> rib_;
  std::optional<Neighbors> neighbors_;
};

}  // namespace slash32::bgp::testing
