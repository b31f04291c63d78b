// All neighbours: configuration applied as a difference, sessions' events carried to the RIB, and what the RIB has to
// send carried to the sessions. A neighbour whose own settings did not change never notices a new configuration.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bgpd/bfd_sessions.h"
#include "bgpd/fib/kernel_watch.h"
#include "bgpd/log_limit.h"
#include "bgpd/rib/rib.h"
#include "bgpd/settings.h"
#include "bgpd/start_clocks.h"
#include "bgpd/transport/listener.h"
#include "bgpd/transport/neighbor_session.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

struct Neighbor {
  explicit Neighbor(Loop& loop) : retry(loop), key_retry(loop) {}

  PeerId id = 0;
  config::NeighborConf conf;
  std::optional<Prefix> range;               // of a dynamic one: the range it came from
  std::unique_ptr<NeighborSession> session;  // nothing while held
  std::string held;                          // why there is no session, or why it rests; empty: it may run
  TcpKeys keys;                              // content of passwordFile, or of tcpAo's files
  LoopTimer retry;                           // while held for a reason that may pass
  LoopTimer key_retry;                       // while there is key_trouble
  std::string key_trouble;                   // why the session goes on with other keys than are configured
  std::optional<Session> up;                 // while Established
  Endpoint session_end;                      // our end of the session
  LocalAddresses local;                      // what stands beside it, for next hops
  std::optional<BfdOrder> bfd_order;         // what was asked of BFD
  std::optional<BfdState> bfd;               // what BFD said last; nothing: not yet, or not asked for
  std::optional<IpAddress> rival;            // unnumbered: another router heard while the session was up
  bool off_link = false;                     // held: no subnet of ours holds it (connectedCheck)
  bool link_lost = false;                    // unnumbered: whoever is heard next may be another router
  std::set<AddressFamily> near_limit;        // told already: maxPrefixes.warn was passed
  bool over_limit = false;                   // held for maxPrefixes.in
  bool was_up = false;                       // Established once in this life: no longer restarting towards this one
  std::uint64_t misplaced_calls = 0;         // refused: to another address of ours, or by another link
  std::string last_misplaced_call;           // why
  std::uint64_t too_long_told = 0;           // of FamilyCounts::too_long, in this session
  std::uint64_t complaints = 0;
  std::string last_complaint;  // about an UPDATE (RFC 7606), for show
};

class Neighbors {
 public:
  struct Deps {
    Loop* loop = nullptr;
    Rib* rib = nullptr;
    const KernelWatch* watch = nullptr;
    StartClocks* clocks = nullptr;
    std::function<void()> work;  // the RIB or the clocks have something to do
    std::function<Status(const Prefix& peer, const TcpKeys& keys)> set_listen_keys;
    /// Begins, changes or (nothing) ends BFD with a neighbour; what comes of it comes back by bfd_told().
    std::function<void(PeerId, const std::optional<BfdOrder>&)> order_bfd;
    /// Looks for routers on these interfaces and no others; they come back by router_heard().
    std::function<void(const std::set<std::string>& interfaces)> discover;
    /// BFD says that what forwards to this address over this link does so no more.
    std::function<void(const IpAddress& address, IfIndex link)> next_hop_died = {};
    /// For show: a session's state or last errors changed.
    std::function<void(const Neighbor&, const SessionEvents::Noticed& before, const SessionEvents::Noticed& now)>
        noticed = {};
    /// For whoever keeps them, while set_recording() is on; in the order in which they happened.
    std::function<void(const Neighbor&, const act::MessageRecorded&)> message_recorded = {};
    std::function<void(const Neighbor&, const act::StateRecorded&)> state_recorded = {};
  };
  /// `preserved`: families whose forwarding state survived a restart; nothing: this is no restart.
  Neighbors(Deps deps, std::optional<std::vector<AddressFamily>> preserved);
  ~Neighbors();

  /// Starts, stops, resets and changes neighbours until they are as `conf` says.
  void configure(const config::BgpdConf& conf, RouterId id);
  /// The keys that a listener needs under `conf` before it listens: each password file's, or the one in use where the
  /// file cannot be read. Who has neither is held, so their connections are refused whatever the listener has.
  ListenKeys listen_keys(const config::BgpdConf& conf) const;
  /// Whoever called `local` from `remote`. Taken is who is expected there: at `localAddress`, by `bindInterface`.
  void accepted(UniqueFd fd, const Endpoint& remote, const Endpoint& local);
  /// Takes what the RIB has for each session that has room.
  void pull();
  bool has_output() const;
  /// What BFD says of a neighbour. A failure ends the session now; its routes go ahead of what waits in the RIB.
  void bfd_told(PeerId id, const BfdState& state, bool failed);
  /// A router advertised itself on an interface: an unnumbered neighbour there is called at that address. While its
  /// session is up and the link was never lost, another router's word changes nothing: it is noted.
  void router_heard(const std::string& interface, const IpAddress& router);
  /// Why no router can be heard there; empty: that is over.
  void router_trouble(const std::string& interface, const std::string& why);
  /// The node's addresses changed: next hops self are derived again for sessions on a link that `moved`; asked with 0
  /// for those on none.
  void addresses_changed(const std::function<bool(IfIndex)>& moved);
  /// Links, addresses or routes changed: who is not connected any more is held, and who is again begins.
  void look_for_connected();
  /// Whether UPDATEs and changes of state are told as they come, and whether what is `sent` is.
  void set_recording(bool on, bool sent);
  /// The start is over: OPENs no longer say that we restart.
  void restart_over();

  /// Ends every session so that helpers keep our routes; where graceful restart is not negotiated, with Cease.
  void close_for_restart();
  /// Ends every session with Cease/2 and a text.
  void leave(const std::string& text);

  // ------------------------------------------------------------ an operator's orders (neighbor_verbs.cc)
  // `id` is one of all(). Error: why the order makes no sense now; then nothing changed.
  /// Cease/4 with the reason, and a new session.
  Status reset(PeerId id, const std::string& reason);
  /// Asks for every family's routes again (RFC 2918).
  Status refresh_in(PeerId id);
  /// Sends every family's routes again.
  Status refresh_out(PeerId id);
  /// Cease/2 with the reason; no session until enable(), over any configuration, as long as this daemon lives.
  Status disable(PeerId id, const std::string& reason);
  Status enable(PeerId id);
  /// RFC 8326: both ways its routes are used last, until undone, over any configuration that has the neighbour.
  Status drain(PeerId id, bool on);
  /// Whom an operator ordered so, in order; for the next life. To be given back before configure().
  std::vector<config::NeighborKey> drained() const { return {drained_.begin(), drained_.end()}; }
  void set_drained(const std::vector<config::NeighborKey>& keys) { drained_ = {keys.begin(), keys.end()}; }
  /// Who says that the neighbour is drained: "configuration", "an operator's order"; empty: it is not.
  std::string drained_by(const Neighbor& neighbor) const;

  const std::map<PeerId, std::unique_ptr<Neighbor>>& all() const { return neighbors_; }
  const Neighbor* find(const std::string& name) const;
  /// Ranges from which nobody is accepted now, and why: their key cannot be had.
  const std::map<Prefix, std::string>& held_ranges() const { return held_ranges_; }
  /// Calls that were refused, by why: "misplaced", "rangeFull", "notConnected", "tooMany", "notNow", "socketOptions",
  /// "held", "unknown".
  const std::map<std::string_view, std::uint64_t>& refused_calls() const { return refused_calls_; }
  /// Says whose routes were not sent because their attributes fit no message. To be called every few seconds.
  void tell_too_long();
  /// The name of a neighbour, for show.
  std::string name_of(PeerId id) const;

 private:
  // ------------------------------------------------------------ the connected check (neighbors_connected.cc)
  /// Error: why the neighbour cannot be reached over one hop, where it must be.
  Status check_connected(const config::NeighborConf& conf) const;
  void look_for(Neighbor& neighbor);
  void look_again_later(PeerId id);

  Neighbor& add(config::NeighborConf conf);
  void remove(PeerId id, const Notification& cease);
  void start(Neighbor& neighbor);
  void hold(Neighbor& neighbor, std::string why, std::optional<Seconds> retry_after);
  Status take_key(Neighbor& neighbor);
  void apply_live(Neighbor& neighbor, const config::NeighborConf& conf);
  void rotate_key(Neighbor& neighbor);
  void note_keys(Neighbor& neighbor, std::string trouble);
  void order_bfd(Neighbor& neighbor);
  void configure_ranges(const config::BgpdConf& old_conf, RouterId old_id);
  void forget_drained();
  RibPeer rib_peer_of(const Neighbor& neighbor) const;
  void key_ranges();
  Status key_range(const config::DynamicNeighborConf& dynamic);
  void accept_dynamic(UniqueFd fd, const Endpoint& remote, const Endpoint& local);
  /// A call that is refused is counted, and told no more often than LogLimit lets it be: anybody can call.
  void refuse(std::string_view reason, const std::string& whose, const std::string& why);
  void say(LogLimit& limit, const std::string& whose, const std::string& why, std::uint64_t times);
  void say_again();
  static std::optional<Instant> end_of_long_life(const Neighbor& neighbor);
  std::uint32_t places_taken(const Prefix& range) const;
  void make_room(const Prefix& range);
  void drop_key(const IpAddress& address);
  void drop_dynamic_later(PeerId id);
  // ------------------------------------------------------------ unnumbered ones (neighbors_unnumbered.cc)
  /// Tells the links to look at; a neighbour's link is one.
  void discover();
  Neighbor* find_unnumbered(const std::string& interface);
  /// Takes the address of the router on the neighbour's link. Error: why there is none.
  Status find_router(Neighbor& neighbor);
  void follow(Neighbor& neighbor, const IpAddress& router);
  static bool keeps_its_router(const Neighbor& neighbor);
  void expect_end_of_rib();

  SessionEvents events_for(PeerId id);
  void on_up(Neighbor& neighbor, const Session& session, const Endpoint& local);
  void on_down(Neighbor& neighbor, const act::SessionDown& down);
  void on_update(Neighbor& neighbor, const Update& update);
  void note_near_limit(Neighbor& neighbor);
  void on_limit(Neighbor& neighbor, const PrefixLimitExceeded& limit);
  LocalAddresses addresses_beside(const Neighbor& neighbor) const;
  static IfIndex link_now(const Neighbor& neighbor);
  void follow_link(Neighbor& neighbor);

  Deps deps_;
  std::optional<std::vector<AddressFamily>> preserved_;
  config::BgpdConf conf_;
  RouterId id_;
  PeerId next_id_ = 1;
  bool ending_ = false;
  bool recording_ = false;
  bool recording_sent_ = false;
  std::map<PeerId, std::unique_ptr<Neighbor>> neighbors_;
  std::map<Prefix, TcpKeys> range_keys_;                 // those the listeners have
  std::map<Prefix, std::string> held_ranges_;            // why
  std::map<config::NeighborKey, std::string> disabled_;  // by an operator, and why
  std::set<config::NeighborKey> drained_;                // by an operator
  std::map<std::string, IpAddress> routers_;             // by interface: who was heard there last
  std::map<std::string, Instant> followed_;              // and when another one was followed last
  std::map<std::string, std::string> deaf_;              // and why nobody can be
  LoopTimer range_retry_;                                // while there are held ones
  std::map<std::string_view, std::uint64_t> refused_calls_{{"misplaced", 0}, {"rangeFull", 0},     {"notConnected", 0},
                                                           {"tooMany", 0},   {"socketOptions", 0}, {"held", 0},
                                                           {"notNow", 0},    {"unknown", 0}};
  LogLimit refusals_;  // by neighbour or range
  LogLimit too_long_;  // by neighbour
  LoopTimer say_again_;
};

}  // namespace slash32::bgp
