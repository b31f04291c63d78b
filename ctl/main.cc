// slash32ctl: wiring only. What the subcommands do stands in a file each.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <iostream>

#include "ctl/commands.h"
#include "ctl/ipam_audit.h"
#include "ctl/networks.h"
#include "ctl/node_command_line.h"
#include "ctl/text.h"
#include "ctl/watch.h"

namespace {

using namespace slash32;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kResets = 3;  // of a dry reload

constexpr const char* kFooter =
    "Exit status: 0 done, 1 it could not be done (the reason is on standard error), 2 wrong usage.\n"
    "The control socket is bgpd.json's control.socket; without root it refuses.\n";

/// An argument that is there and empty is a script's mistake, not a wish for everything.
CLI::Validator not_empty() {
  return {[](std::string& text) { return std::string(text.empty() ? "is empty" : ""); }, ""};
}

/// The command line as values, and what to run.
struct Invocation {
  ctl::Options options;
  ctl::NeighborsQuery neighbors;
  ctl::RoutesQuery routes;
  ctl::WatchQuery watch;
  ctl::NeighborOrder order;
  ctl::DrainOrder drain;
  bool dry_reload = false;
  std::string mrt_file;
  ctl::IpamShowQuery ipam{.data_dir = std::string{config::kDefaultDataDir}, .network = {}};
  ctl::PolicyTestQuery policy_test;
  ctl::IpamCheckQuery check{.data_dir = std::string{config::kDefaultDataDir},
                            .conf_dir = std::string{ctl::kDefaultConfDir}};
  ctl::IpamReleaseQuery release{
      .data_dir = std::string{config::kDefaultDataDir}, .address = {}, .key = {}, .force = false};
  ctl::RepairQuery repair{.pod = {}, .conf_dir = std::string{ctl::kDefaultConfDir}, .dry_run = false};
  ctl::NodeCommandLine node;
  std::function<Status()> run;
  int done = kDone;      // exit status of a run without an error
  int failed = kFailed;  // and of one with
};

/// For a command that answers a question: its exit status tells "no" from "could not tell".
Status answered(Invocation& call, const Result<bool>& answer) {
  if (!answer) return fail(answer.error());
  call.done = *answer ? kDone : kFailed;
  return ok();
}

void add_drain(CLI::App& app, Invocation& call) {
  auto* drain = app.add_subcommand(
      "drain", "Before maintenance: what this node announces is used last (RFC 8326), until `undrain` or a reboot");
  auto* leave = drain->add_flag("--then-shutdown", call.drain.then_shutdown, "Leave when the node's last pod is gone");
  const auto seconds = [drain](const char* name, std::chrono::seconds& value, const char* help) {
    return drain
        ->add_option_function<std::uint32_t>(
            name, [&value](std::uint32_t given) { value = std::chrono::seconds{given}; }, help)
        ->default_str(std::to_string(value.count()));
  };
  seconds("--settle", call.drain.settle, "Seconds that others have for choosing other paths, at least")->needs(leave);
  seconds("--timeout", call.drain.timeout, "Seconds that the pods may take")->needs(leave);
  drain->callback([&call] { call.run = [&call] { return ctl::run_drain(call.options, call.drain, std::cout); }; });
  auto* undrain = app.add_subcommand("undrain", "Undo `drain`");
  undrain->callback([&call] { call.run = [&call] { return ctl::run_drain(call.options, {.on = false}, std::cout); }; });
}

void add_reload(CLI::App& app, Invocation& call) {
  auto* reload = app.add_subcommand(
      "reload", "Have the daemon read its configuration file again: what changed, or why nothing did (exit status 1)");
  reload->add_flag("--dry-run", call.dry_reload,
                   "Only say what would change (exit status 3: a session would be reset, or end for good)");
  reload->callback([&call] {
    call.run = [&call]() -> Status {
      if (!call.dry_reload) return ctl::run_reload(call.options, std::cout);
      const auto calm = TRY(ctl::run_reload_check(call.options, std::cout));
      call.done = calm ? kDone : kResets;
      return ok();
    };
  });
}

void add_mrt(CLI::App& app, Invocation& call) {
  auto* mrt = app.add_subcommand("mrt", "The table in the format that other programs read (RFC 6396)");
  mrt->require_subcommand(1);
  mrt->fallthrough();
  auto* dump = mrt->add_subcommand("dump", "Every accepted path, as TABLE_DUMP_V2");
  dump->add_option("FILE", call.mrt_file, "Where to; - is standard output")->required()->check(not_empty());
  dump->fallthrough();
  dump->callback([&call] { call.run = [&call] { return ctl::run_mrt_dump(call.options, call.mrt_file, std::cout); }; });
}

void add_bgp_commands(CLI::App& app, Invocation& call) {
  auto* status = app.add_subcommand("status", "The BGP speaker at a glance, and what is wrong");
  status->callback([&call] { call.run = [&call] { return ctl::run_status(call.options, std::cout); }; });

  auto* neighbors = app.add_subcommand("neighbors", "BGP sessions; with a name everything about one");
  auto* name = neighbors->add_option("NAME", call.neighbors.name, "A neighbor's name or address")->check(not_empty());
  neighbors->add_flag("--advertised", call.neighbors.advertised, "The routes that NAME is sent")->needs(name);
  neighbors->callback(
      [&call] { call.run = [&call] { return ctl::run_neighbors(call.options, call.neighbors, std::cout); }; });

  auto* routes = app.add_subcommand("routes", "The routing table, with every path and why it won or lost");
  routes
      ->add_option("PREFIX", call.routes.prefix,
                   "Only this prefix, as in 10.244.1.0/24, and whom it was sent to or why not; "
                   "or what covers an address")
      ->check(not_empty());
  routes->add_option("--neighbor", call.routes.neighbor, "Only paths from this neighbor")->check(not_empty());
  routes->add_option("--family", call.routes.family, "Only ipv4 or ipv6")->check(CLI::IsMember({"ipv4", "ipv6"}));
  routes->callback([&call] { call.run = [&call] { return ctl::run_routes(call.options, call.routes, std::cout); }; });

  auto* watch = app.add_subcommand("watch", "What happens, as it happens: sessions, errors, conditions, best paths");
  watch->add_option("--kinds", call.watch.kinds, "Only these: neighbor,error,condition,route")->check(not_empty());
  watch->add_option("--prefix", call.watch.prefix, "Of routes only this one and what is inside it")->check(not_empty());
  watch->callback([&call] { call.run = [&call] { return ctl::run_watch(call.options, call.watch, std::cout); }; });

  add_mrt(app, call);
  add_reload(app, call);

  add_drain(app, call);
  auto* shutdown = app.add_subcommand(
      "shutdown", "Leave for good: withdraw, close the sessions, remove learned routes (SIGTERM means restart)");
  shutdown->callback([&call] { call.run = [&call] { return ctl::run_shutdown(call.options, std::cout); }; });
}

void add_neighbor_order(CLI::App& group, Invocation& call, const char* word, const char* verb, const char* help) {
  auto* order = group.add_subcommand(word, help);
  order->add_option("NAME", call.order.name, "The neighbor's name")->required()->check(not_empty());
  if (std::string_view(verb) == "reset" || std::string_view(verb) == "disable")
    order->add_option("--reason", call.order.reason, "Sent to the neighbor's operator, at most 255 octets (RFC 9003)");
  order->fallthrough();
  order->callback([&call, verb] {
    call.order.verb = verb;
    call.run = [&call] { return ctl::run_neighbor_order(call.options, call.order, std::cout); };
  });
}

void add_neighbor_orders(CLI::App& app, Invocation& call) {
  auto* neighbor = app.add_subcommand("neighbor", "Orders to one neighbor");
  neighbor->require_subcommand(1);
  add_neighbor_order(*neighbor, call, "reset", "reset", "Close the session (Cease/4) and open it again");
  add_neighbor_order(*neighbor, call, "disable", "disable",
                     "Close the session (Cease/2) and keep it closed until `enable`, or until the daemon ends");
  add_neighbor_order(*neighbor, call, "enable", "enable", "Undo `disable`");
  add_neighbor_order(*neighbor, call, "drain", "drain",
                     "Before maintenance of it: used last both ways (RFC 8326), until `undrain` or a reboot");
  add_neighbor_order(*neighbor, call, "undrain", "undrain", "Undo `drain`");
  auto* refresh = neighbor->add_subcommand("refresh", "Have routes sent again, without a reset (RFC 2918)");
  refresh->require_subcommand(1);
  refresh->fallthrough();
  add_neighbor_order(*refresh, call, "in", "refresh-in", "The neighbor's to us");
  add_neighbor_order(*refresh, call, "out", "refresh-out", "Ours to the neighbor");
}

void add_policy_commands(CLI::App& app, Invocation& call) {
  auto* policy = app.add_subcommand("policy", "Policies of a configuration file; no daemon is needed");
  policy->require_subcommand(1);
  auto* test = policy->add_subcommand("test",
                                      "What policies would do with a route, and why (exit status 0: accepted, 1: "
                                      "rejected, 2: the file, a name or the route is wrong)");
  test->add_option("--config", call.policy_test.config, "The configuration")->required()->check(not_empty());
  test->add_option("--policy", call.policy_test.policies, "A policy of it; several are tried in order")
      ->required()
      ->check(not_empty());
  test->add_option("--route", call.policy_test.route,
                   "\"PREFIX [KEY=VALUE]...\", as in \"10.1.0.0/16 neighbor=tor1 asPath=65000,65010 med=5\", or a JSON "
                   "object as in /v1/routes")
      ->required();
  test->callback([&call] {
    call.failed = kUsage;
    call.run = [&call] { return answered(call, ctl::run_policy_test(call.options, call.policy_test, std::cout)); };
  });
}

void add_check(CLI::App& ipam, Invocation& call) {
  auto* check = ipam.add_subcommand(
      "check",
      "Hold the store, the pods' links and their routes against each other (exit status 1: something is wrong, "
      "2: it cannot be told)");
  check->add_option("--data-dir", call.check.data_dir, "The store: ipam.dataDir of the conflist")
      ->capture_default_str();
  check->add_option("--conf-dir", call.check.conf_dir, "Where the networks' configurations are")->capture_default_str();
  check->add_flag("--fix", call.check.fix, "Release what two looks find dead; make a damaged store anew");
  check
      ->add_flag("--whole-node-is-dead", call.check.whole_node_is_dead,
                 "Let --fix release also where not one pod's link is in sight")
      ->needs("--fix");
  check
      ->add_option_function<double>(
          "--interval",
          [&call](double seconds) { call.check.interval = std::chrono::milliseconds{std::llround(seconds * 1000)}; },
          "Seconds between the two looks; at least 1 with --fix")
      ->check(CLI::Range(0.0, 3600.0))
      ->default_str("5");
  check->callback([&call] {
    call.failed = kUsage;
    call.run = [&call] { return answered(call, ctl::run_ipam_check(call.options, call.check, std::cout, std::cerr)); };
  });
}

void add_release(CLI::App& ipam, Invocation& call) {
  auto* release = ipam.add_subcommand("release", "Give back the addresses of a pod that is dead");
  auto* whose = release->add_option_group("Whose");
  whose->add_option("ADDRESS", call.release.address, "One of its addresses; all of them go")->check(not_empty());
  auto* container = whose->add_option("--container-id", call.release.key.container_id)->check(not_empty());
  whose->require_option(1);
  auto* ifname = release->add_option("--ifname", call.release.key.ifname, "As in eth0")->check(not_empty());
  auto* network = release->add_option("--network", call.release.key.network)->check(not_empty());
  container->needs(ifname)->needs(network);
  ifname->needs(container);
  network->needs(container);
  release->add_option("--data-dir", call.release.data_dir, "The store: ipam.dataDir of the conflist")
      ->capture_default_str();
  release->add_flag("--force", call.release.force, "Also where the pod seems to live");
  release->callback([&call] {
    call.run = [&call]() -> Status {
      const auto done = ctl::run_ipam_release(call.options, call.release, std::cout);
      if (!done && done.error().code == ctl::kWrongPlace) call.failed = kUsage;
      return done;
    };
  });
}

void add_ipam_commands(CLI::App& app, Invocation& call) {
  auto* ipam = app.add_subcommand("ipam", "Address allocations of this node; no daemon is needed");
  ipam->require_subcommand(1);
  auto* show = ipam->add_subcommand("show", "Who holds which address");
  show->add_option("--data-dir", call.ipam.data_dir, "The store: ipam.dataDir of the conflist")->capture_default_str();
  show->add_option("--network", call.ipam.network, "Only this network");
  show->callback(
      [&call] { call.run = [&call] { return ctl::run_ipam_show(call.options, call.ipam, std::cout, std::cerr); }; });
  add_check(*ipam, call);
  add_release(*ipam, call);
}

void add_repair(CLI::App& app, Invocation& call) {
  auto* repair = app.add_subcommand(
      "repair",
      "Put back what the kernel lost of pods' host ends, as after link down and up (exit status 1: something "
      "is still missing)");
  repair->add_option("POD", call.repair.pod, "Container ID or its beginning, host link, or address; else all pods")
      ->check(not_empty());
  repair->add_option("--conf-dir", call.repair.conf_dir, "Where the networks' configurations are")
      ->capture_default_str();
  repair->add_flag("--dry-run", call.repair.dry_run, "Only say what is missing");
  repair->callback([&call] {
    call.run = [&call] { return answered(call, ctl::run_repair(call.options, call.repair, std::cout, std::cerr)); };
  });
}

/// Its steps tell what could not be done; an error is one that stopped it before the first.
void add_node_commands(CLI::App& app, Invocation& call) {
  call.node.add_to(
      app,
      [&call](std::function<Result<bool>()> work) {
        call.run = [&call, work = std::move(work)] { return answered(call, work()); };
      },
      call.options);
}

/// Help and version, or wrong usage. CLI11 says of an unknown word only that a subcommand is missing.
int end_of_parsing(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && !app.remaining(true).empty()) {
    std::cerr << "slash32ctl: unknown: \"" << ctl::printable(app.remaining(true).front())
              << "\"\nRun with --help for more information.\n";
    return kUsage;
  }
  return app.exit(error) == 0 ? kDone : kUsage;
}

int complain(const Error& error, int status = kFailed) {
  std::cerr << "slash32ctl: " << ctl::printable(error.message) << "\n";
  if (!error.details.empty()) std::cerr << "  " << ctl::printable(error.details) << "\n";
  return status;
}

int run(int argc, char** argv) {
  Invocation call;
  CLI::App app{"Shows and steers slash32 on this node.", "slash32ctl"};
  app.set_version_flag("--version", SLASH32_VERSION);
  app.footer(kFooter);
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--socket", call.options.socket, "slash32-bgpd's control socket")
      ->envname("SLASH32_BGPD_SOCKET")
      ->capture_default_str();
  app.add_flag("--json", call.options.json, "Print the document itself instead of a table");
  add_bgp_commands(app, call);
  add_neighbor_orders(app, call);
  add_policy_commands(app, call);
  add_ipam_commands(app, call);
  add_repair(app, call);
  add_node_commands(app, call);
  for (CLI::App* subcommand : app.get_subcommands({})) subcommand->fallthrough();
  for (const char* group : {"ipam", "policy", "node"})
    for (CLI::App* subcommand : app.get_subcommand(group)->get_subcommands({})) subcommand->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version come this way as well
    return end_of_parsing(app, error);
  }
  const Status done = call.run();
  if (!done) return complain(done.error(), call.failed);
  std::cout.flush();
  return std::cout ? call.done : complain({5, "write to standard output failed", {}}, call.failed);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // libraries only: nothing of ours throws
    std::cerr << "slash32ctl: " << error.what() << "\n";
    return kFailed;
  }
}
