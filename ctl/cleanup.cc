// `slash32ctl cleanup`: leaves the node as it was found. In an order that strands nobody: first no new pods, then, when
// the last one is gone, what they lived of.
#include "ctl/cleanup.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "ctl/document.h"
#include "ctl/http_client.h"
#include "ctl/ipam_store.h"
#include "ctl/node_view.h"

namespace slash32::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t kRetrySeconds = 10;

/// A daemon puts back what is taken from under it: the agent the conflist, bgpd its routes.
Status check_daemons_are_gone(const Options& options, const CleanupQuery& query) {
  const auto bgpd = options.socket == kDefaultSocket ? query.paths.run_dir / "bgpd.sock" : options.socket;
  const std::array<std::pair<const char*, fs::path>, 2> daemons{
      {{"slash32-agent", query.paths.run_dir / "agent.sock"}, {"slash32-bgpd", bgpd}}};
  for (const auto& [name, socket] : daemons)
    if (TRY(is_answering(socket)))
      return fail(
          5, std::string(name) + " runs (it listens on " + socket.string() + ") and would put back what is taken away",
          "remove the DaemonSet, or stop its service, and try again");
  return ok();
}

std::string holder(const ipam::Record& record) { return name_of(record.key) + " holds " + record.address.to_string(); }

/// The pod's addresses with it: by those Kubernetes tells which one it is, and not by its sandbox.
std::string survivor(const HostEnd& end, const NodeView& node) {
  auto text = name_of(end.alias.key) + " lives: " + end.link.name;
  for (const auto& route : node.host_routes)
    if (node.has_pod_route(end.link.index, route.destination.address()))
      text += ", " + route.destination.address().to_string();
  return text;
}

/// False, and the steps say why, where what pods live of has to stay.
bool may_go_on(const CleanupQuery& query, const std::vector<fs::path>& stores, Steps& steps) {
  const auto living = living_pods(stores);
  if (!living) {
    steps.fail_with("look for living pods", living.error());
    return query.force;
  }
  for (const auto& pod : *living) steps.add(query.force ? Outcome::Skipped : Outcome::Kept, pod);
  if (living->empty() || query.force) return true;
  steps.add(Outcome::Kept, "routes, nftables tables, settings, programs and stores",
            "pods of ours live, or a store says so. Drain the node and try again; --force where they are dead");
  return false;
}

/// Whether another configuration than the one removed names our plugin: an administrator's, or one for second
/// interfaces.
bool others_need_programs(const CleanupQuery& query, Steps& steps) {
  bool needed = false;
  std::ostringstream told_before;
  for (const auto& network : read_networks(query.paths.conf_dir, told_before, kConflistFile)) {
    steps.add(query.force ? Outcome::Skipped : Outcome::Kept, "what network " + network.name + " needs",
              "another file of " + query.paths.conf_dir.string() + " configures it with the plugin slash32");
    needed = true;
  }
  return needed && !query.force;
}

Steps clean_up(const CleanupQuery& query, std::ostream& notes) {
  Steps steps(query.dry_run);
  // The configurations say where addresses are kept, so they are read before the first is removed.
  const auto stores = stores_of(query, read_networks(query.paths.conf_dir, notes));
  remove_conflist(query, steps);
  if (!may_go_on(query, stores, steps)) return steps;
  if (others_need_programs(query, steps)) return steps;
  remove_routes(steps);
  remove_tables(steps);
  restore_settings(query, steps);
  remove_programs(query, steps);
  remove_stores(query, stores, steps);
  return steps;
}

Result<bool> clean_up_and_tell(const Options& options, const CleanupQuery& query, std::ostream& out,
                               std::ostream& notes) {
  TRY(check_daemons_are_gone(options, query));
  const auto steps = clean_up(query, notes);
  const auto replace = nlohmann::json::error_handler_t::replace;
  print_line(out, options.json ? steps_document(steps).dump(2, ' ', false, replace) : render_steps(steps));
  return steps.whole();
}

/// Waits for SIGTERM or SIGINT, for `seconds` or for ever; true when one came. They are blocked: also process number 1
/// of a container, which the kernel spares signals without a handler, hears of them here.
bool told_to_stop(const sigset_t& signals, std::optional<std::time_t> seconds) {
  const timespec timeout{.tv_sec = seconds.value_or(0), .tv_nsec = 0};
  int got = -1;
  do {
    got = ::sigtimedwait(&signals, nullptr, seconds ? &timeout : nullptr);
  } while (got < 0 && errno == EINTR);
  return got >= 0;
}

/// For a container of a DaemonSet, which must not end: as soon as the node is clean it waits to be removed.
Result<bool> clean_up_and_stay(const Options& options, const CleanupQuery& query, std::ostream& out,
                               std::ostream& notes) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return sys_fail("block SIGTERM");
  while (true) {
    const auto clean = clean_up_and_tell(options, query, out, notes);
    if (!clean) notes << "slash32ctl: " << clean.error().message << "\n";
    const bool done = clean.value_or(false);
    out << (done ? "done: the node is as it was found" : "not done yet: trying again in 10 seconds") << "\n"
        << std::flush;
    if (told_to_stop(signals, done ? std::nullopt : std::optional{kRetrySeconds})) return done;
  }
}

}  // namespace

std::vector<fs::path> stores_of(const CleanupQuery& query, const std::vector<Network>& networks) {
  std::vector<fs::path> out{query.paths.run_dir / "ipam", query.paths.state_dir / "ipam"};
  for (const auto& network : networks) {
    if (!network.own_ipam) continue;
    const auto directory = network.data_dir == config::kDefaultDataDir ? out.front()
                           : query.root.empty()                        ? network.data_dir
                                                                       : query.root / network.data_dir.relative_path();
    if (std::ranges::find(out, directory) == out.end()) out.push_back(directory);
  }
  return out;
}

Result<std::vector<std::string>> living_pods(const std::vector<fs::path>& stores) {
  std::vector<std::string> out;
  const auto node = TRY(look_at_node());
  for (const auto& end : node.ends) out.push_back(survivor(end, node));
  const auto is_told = [&](const ipam::Record& record) {
    return std::ranges::any_of(node.ends, [&](const HostEnd& end) { return pod::alias_is_of(end.alias, record.key); });
  };
  for (const auto& directory : stores) {
    if (!TRY(is_readable(directory))) continue;
    const auto survey = TRY(open_store(directory).survey());
    if (survey.state == ipam::Survey::State::OtherBoot || survey.state == ipam::Survey::State::Missing) continue;
    for (const auto& record : survey.records)
      if (!is_told(record)) out.push_back(holder(record) + " in " + directory.string());
    if (survey.state == ipam::Survey::State::Damaged)
      out.push_back(directory.string() + " is damaged: who else holds addresses cannot be told");
  }
  return out;
}

Result<bool> run_cleanup(const Options& options, const CleanupQuery& query, std::ostream& out, std::ostream& notes) {
  return query.stay ? clean_up_and_stay(options, query, out, notes) : clean_up_and_tell(options, query, out, notes);
}

}  // namespace slash32::ctl
