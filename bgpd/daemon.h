// The daemon: the one place where sessions, RIB, kernel, configuration and control meet. One thread; every turn does
// bounded work, so keepalives never wait for routes.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bgpd/bfd_sessions.h"
#include "bgpd/conf_changes.h"
#include "bgpd/conf_source.h"
#include "bgpd/discovery.h"
#include "bgpd/error_views.h"
#include "bgpd/events.h"
#include "bgpd/fib/fib_sync.h"
#include "bgpd/fib/kernel_watch.h"
#include "bgpd/fib/silent_gateways.h"
#include "bgpd/listeners.h"
#include "bgpd/mrt_file.h"
#include "bgpd/neighbors.h"
#include "bgpd/rib/rib.h"
#include "bgpd/start_clocks.h"
#include "bgpd/state_file.h"
#include "bgpd/transport/loop.h"
#include "bgpd/view_text.h"
#include "common/control/http_server.h"
#include "common/control/metrics_text.h"
#include "common/fd.h"
#include "common/result.h"
#include "config/bgpd_conf.h"

namespace slash32::bgp {

/// What /v1/routes was asked to show.
struct RouteFilter {
  std::optional<Prefix> exact;
  std::optional<IpAddress> address;  // every prefix that covers it
  std::optional<AddressFamily> family;
  std::optional<std::string> neighbor;
};

/// Every reason why a configuration changed nothing.
struct ConfRefused {
  bool by_content = true;  // else: it may be good, but not here and now
  std::vector<Error> errors;
};
/// What a configuration changed, for people.
using Taken = std::expected<std::vector<std::string>, ConfRefused>;

class Daemon {
 public:
  /// Opens sockets and dumps the kernel; nothing is sent and nothing of the kernel changed before that succeeded.
  /// Error: what could not be opened.
  static Result<std::unique_ptr<Daemon>> open(std::string conf_path, StartConf start);
  ~Daemon();
  /// Runs until a signal or a shutdown ends it.
  void run();

  /// Takes a new configuration as a difference. Error: why it is refused; then nothing changed.
  Status apply(config::BgpdConf conf);

 private:
  Daemon(std::string conf_path, StartConf start, KernelWatch watch, FibSync fib);
  RouterId choose_router_id();

  // ------------------------------------------------------------ work (daemon.cc)
  void start();
  bool own_routes_are_there() const;
  void meet_neighbors();
  void order_bfd(PeerId peer, const std::optional<BfdOrder>& wanted);
  void discover(const std::set<std::string>& interfaces);
  void work();
  void turn();
  void check_clocks(bool rib_is_idle);
  void feed_fib();
  bool note_learned(const std::vector<FibDelta>& deltas);

  // ------------------------------------------------------------ kernel (daemon_kernel.cc)
  void read_kernel();
  void take_kernel(const KernelEvents& events);
  void audit_kernel();
  void audit_later();
  void kernel_failed(const std::string& why);
  void read_fib();
  void announce();
  void set_aggregates();
  void set_guarded();
  void note_state();

  // ------------------------------------------------------------ next hops (daemon_next_hops.cc)
  NextHopState resolve(const NextHop& hop) const;
  bool heeds_neighbors() const { return conf_.kernel.next_hop_neighbors && conf_.kernel.install; }
  void switch_neighbors();
  void take_neighbors(const std::vector<netlink::NeighborEvent>& events);
  void judge_gateways();
  void recall_silence();
  std::vector<std::string> silent_gateways() const;  // for people
  void resolve_again();
  void next_hop_died(const IpAddress& address, IfIndex link);
  void take_out(const FibNextHop& next_hop);
  void revive_next_hops();
  void follow_routes();

  // ------------------------------------------------------------ life (daemon_life.cc)
  void open_listeners();
  void look_after_files();
  void take_conf(config::BgpdConf conf);
  Taken take_text(const std::string& text);
  Taken take_file();
  Status can_apply(const config::BgpdConf& conf) const;
  config::BgpdConf in_force(config::BgpdConf conf) const;
  std::optional<std::string> told_of_next_start(const config::BgpdConf& conf) const;
  Taken take_put(const std::string& text);
  void keep_put();
  Taken reload();
  bool draining() const { return conf_.drain || life_.draining; }
  Status order_drain(bool on);
  void stop(bool final);
  void stop_when_flushed();
  void end();

  // ------------------------------------------------------------ control's sockets (daemon_control.cc)
  struct ControlSockets {
    std::optional<control::HttpServer> control, read_only;
  };
  Result<control::HttpServer> open_control(const config::ControlConf& conf);
  Result<std::optional<control::HttpServer>> open_read_only(const config::ControlConf& conf);
  Result<ControlSockets> prepare_control(const config::ControlConf& wanted);
  void take_control(ControlSockets made, bool without_read_only);
  void look_after_control();

  // ------------------------------------------------------------ control (daemon_api.cc)
  control::HttpResponse answer(const control::HttpRequest& request, bool only_tells = false);
  control::HttpResponse get(const control::HttpRequest& request);
  control::HttpResponse status();
  nlohmann::ordered_json source_document() const;
  control::HttpResponse put_config(const std::string& text);
  control::HttpResponse check_config(const std::string& text);  // daemon_check.cc
  control::HttpResponse check_file();
  nlohmann::ordered_json change_document(const NeighborChange& change) const;
  control::HttpResponse neighbors_list();
  control::HttpResponse neighbor(const std::string& name);
  nlohmann::ordered_json neighbor_document(const Neighbor& neighbor, ErrorDetail detail) const;
  control::HttpResponse routes(const control::HttpRequest& request);
  control::HttpResponse advertised(const std::string& name);
  control::HttpResponse route(const std::string& prefix);  // daemon_routes.cc
  std::string told_text(const Neighbor& neighbor, const Prefix& prefix) const;
  control::HttpResponse neighbor_verb(const control::HttpRequest& request);  // daemon_verbs.cc
  // ------------------------------------------------------------ events (daemon_events.cc)
  control::HttpResponse events(const control::HttpRequest& request, bool only_tells);
  void tell_conditions();
  void tell_noticed(const Neighbor& neighbor, const SessionEvents::Noticed& before, const SessionEvents::Noticed& now);
  void tell_routes();
  // ------------------------------------------------------------ MRT (daemon_mrt.cc)
  control::HttpResponse mrt_table();
  void switch_mrt(const config::MrtConf& before);
  void record(const Neighbor& neighbor, const act::MessageRecorded& message);
  void record(const Neighbor& neighbor, const act::StateRecorded& change);
  void put_mrt_metrics(control::MetricsText& out) const;
  // ------------------------------------------------------------ for machines (daemon_metrics.cc)
  std::vector<std::string> not_ready() const;
  std::optional<control::HttpResponse> watched(const control::HttpRequest& request);
  Result<std::optional<control::HttpServer>> open_metrics(const config::MetricsConf& conf);
  void try_metrics();
  std::string metrics() const;
  void put_neighbor_metrics(control::MetricsText& out) const;
  void put_notification_metrics(control::MetricsText& out, const std::map<PeerId, PeerStatus>& states) const;
  void put_refusal_metrics(control::MetricsText& out) const;
  void put_queue_metrics(control::MetricsText& out) const;
  void put_table_metrics(control::MetricsText& out) const;

  ViewTime view_time() const { return {loop_.now(), std::chrono::system_clock::now()}; }
  nlohmann::ordered_json route_document(const PathView& path) const;
  std::string route_text(const PathView& path) const;
  std::vector<PathView> paths_of(const Prefix& prefix) const;
  std::function<std::optional<std::vector<Prefix>>()> prefixes_of(const RouteFilter& filter) const;
  std::vector<std::string> conditions() const;

  Loop loop_;
  std::string conf_path_;
  config::BgpdConf conf_;        // in force
  bool objects_wanted_;          // kernel.nextHopObjects as it was configured last, for the next start
  ConfSource source_;            // of conf_
  std::optional<PutConf> kept_;  // what is in force, where it was PUT in this life
  KernelWatch watch_;
  FibSync fib_;
  RouterId router_id_;
  std::string router_id_source_;  // for the log
  std::string boot_id_;
  EarlierLife life_;  // what the state file says of this one
  std::optional<StartClocks> clocks_;
  std::optional<Rib> rib_;
  std::optional<Neighbors> neighbors_;
  std::optional<BfdSessions> bfd_;      // once a neighbour wants it
  std::optional<Discovery> discovery_;  // once there is an unnumbered one
  Listeners listeners_;
  SilentGateways silent_;
  UniqueFd table_lock_;  // while routes are installed
  std::optional<control::HttpServer> control_;
  std::optional<control::HttpServer> read_only_;  // where control.readOnlySocket says so
  std::optional<control::HttpServer> metrics_;    // where metrics.address says so
  std::set<Prefix> pods_;
  std::set<Prefix> aggregates_ready_;
  std::map<Prefix, std::string> aggregates_failed_;  // and why
  std::string last_problem_;                         // of the kernel, for show
  std::string kernel_trouble_;                       // why the kernel cannot be read at the moment; empty: it can
  std::string put_trouble_;                          // why what was PUT could not be kept
  std::string state_trouble_;                        // why the state file could not be written
  std::string control_trouble_;                      // why the control socket, which somebody removed, is not back
  std::string metrics_trouble_;                      // why metrics.address is not served
  std::string refused_conf_;                         // why the last reload changed nothing; empty: it was taken
  EventHub events_;
  std::unique_ptr<MrtFile> mrt_;              // where mrt.updates is configured
  std::vector<std::string> told_conditions_;  // to events' readers
  std::vector<FdWatch> watches_;
  std::optional<SignalWatch> signals_;
  LoopTimer meet_timer_, clock_timer_, audit_timer_, listen_timer_, restart_timer_, stop_timer_, files_timer_,
      conditions_timer_, gateways_timer_;
  Instant started_;
  bool work_posted_ = false;
  bool revive_due_ = false;  // a next hop was taken out of the kernel's groups, ahead of the RIB
  bool met_neighbors_ = false;
  bool deferring_ = false;
  bool stopping_ = false, final_ = false, ended_ = false;
};

}  // namespace slash32::bgp
