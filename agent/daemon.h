// The agent's loop: what the API and the kernel say goes into the world, the plan makes of it what this node shall
// have, and what differs is written and told. One thread; nothing here waits.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/bgpd_client.h"
#include "agent/feedback.h"
#include "agent/kube/access.h"
#include "agent/kube/client.h"
#include "agent/leader.h"
#include "agent/node_facts.h"
#include "agent/options.h"
#include "agent/pace.h"
#include "agent/plan/kept_plan.h"
#include "agent/plan/plan.h"
#include "agent/plan/status.h"
#include "agent/range_keeper.h"
#include "agent/ready_wait.h"
#include "agent/reload_order.h"
#include "agent/watches.h"
#include "agent/world_store.h"
#include "common/clock.h"
#include "common/control/http_server.h"
#include "common/result.h"

namespace slash32::agent {

class Daemon {
 public:
  /// Opens the control socket; a second agent ends here and has changed nothing. Error: what is missing or wrong.
  static Result<std::unique_ptr<Daemon>> open(Options options);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Until SIGTERM or SIGINT, which leave everything as it is; a lease that we hold is given back.
  void run();

 private:
  /// What is done once, and tried again until it has worked.
  struct Done {
    bool node_file = false;  // stands, by us or as we found it
    bool bgpd_file = false;  // the plan's stands; while there is none, an earlier one
    bool owes = true;        // an earlier life may have died, or been refused, between the file and the reload
    bool conflist = false;
    bool conflist_early = false;  // written without waiting any longer for bgpd
    std::string node_trouble, ranges_trouble, bgpd_trouble, reload_trouble, conflist_trouble, facts_trouble,
        network_trouble, tables_trouble;
  };

  Daemon(Options options, kube::Access access);
  Status open_sockets();

  // What goes in: daemon.cc.
  void changed();
  void tick();
  void read_facts();
  NodeFacts known_facts() const;
  void look_for_networks();
  void track_ranges();
  bool knows_ranges();
  void plan_now();
  void plan();

  // What comes out: daemon_apply.cc.
  void apply();
  void apply_node();
  void keep_tables();
  void apply_bgpd();
  void restore_copy();
  void reload_bgpd();
  void ask_bgpd();
  void heard_ready(const Result<BgpdAnswer>& answer);
  void ask_sessions();
  void ask_conditions();
  void heard_bgpd();
  void tell_api();
  void try_conflist();
  Result<bool> write_conflist();
  void note(std::string& place, const std::string& what, const std::string& why);
  bool wants_bgpd() const { return !options_.no_bgp; }
  /// Nothing is planned for bgpd yet, and no earlier life left it a file.
  bool lacks_bgpd_file() const { return wants_bgpd() && !done_.bgpd_file && !(desired_ && desired_->bgpd_json); }
  bool lacks_files() const { return !done_.node_file || lacks_bgpd_file(); }
  std::vector<std::string> unready() const;
  std::vector<std::string> conditions() const;

  // What is asked of us: daemon_api.cc.
  control::HttpResponse answer(const control::HttpRequest& request);
  control::HttpResponse status() const;
  std::string metrics() const;

  Options options_;
  plan::PlanOptions plan_options_;
  kube::Access access_;
  boost::asio::io_context context_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer plan_timer_, tick_timer_;
  bool plan_waits_ = false;
  bool leaving_ = false;  // nothing is planned, and no other watch begun, while the lease is given back
  Pace pace_;
  Instant started_;

  kube::Client client_;
  BgpdClient bgpd_;
  WorldStore store_;
  Watches watches_;
  Leader leader_;
  Feedback feedback_;
  std::optional<control::HttpServer> control_, metrics_;

  std::optional<NodeFacts> facts_;  // nothing: not asked for yet
  RangeKeeper ranges_;
  bool ranges_known_ = false;  // what an earlier life kept of them has been read
  std::uint64_t ticks_ = 0;
  plan::KeptPlan planner_;
  std::optional<plan::Desired> desired_;
  Done done_;
  ReloadOrder reload_;
  Duration reload_took_{};  // the last one
  bool asking_bgpd_ = false;
  std::optional<bool> bgpd_ready_;
  std::string bgpd_says_;  // why it is not ready
  Instant bgpd_asked_{};
  ReadyWait bgpd_wait_;
  bool bgpd_heard_ = false;  // it has answered everything once, or did not answer
  std::map<std::string, plan::SessionView> sessions_;
  std::optional<std::vector<std::string>> speaker_conditions_;  // nothing: it did not answer
  std::uint64_t plans_ = 0, writes_ = 0, reloads_ = 0;
};

}  // namespace slash32::agent
