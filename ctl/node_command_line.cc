#include "ctl/node_command_line.h"

#include <algorithm>
#include <iostream>

namespace slash32::ctl {
namespace {

namespace fs = std::filesystem;

struct PathFlag {
  const char* flag;
  fs::path NodePaths::* member;
  const char* help;
  bool of_install;  // else of cleanup alone
};

constexpr std::array<PathFlag, 6> kPathFlags{{
    {"--bin-dir", &NodePaths::bin_dir, "Where the container runtime looks for CNI plugins", true},
    {"--state-dir", &NodePaths::state_dir, "Where found.json keeps the node's settings as they were", true},
    {"--rt-protos-dir", &NodePaths::rt_protos_dir, "Where ip(8) reads names of route protocols", true},
    {"--conf-dir", &NodePaths::conf_dir, "Where the networks' configurations are", false},
    {"--run-dir", &NodePaths::run_dir, "Where node.json, sockets and the store of addresses are", false},
    {"--log-dir", &NodePaths::log_dir, "Where the plugin's log is", false},
}};

CLI::Validator absolute_path() {
  return {[](std::string& text) { return std::string(text.starts_with("/") ? "" : "is not an absolute path"); }, "DIR"};
}

/// A default that --root moves.
fs::path below(const fs::path& root, const fs::path& usual) {
  return root.empty() ? usual : root / usual.relative_path();
}

}  // namespace

NodePaths NodeCommandLine::paths() const {
  const NodePaths usual;
  NodePaths out;
  for (const auto& one : kPathFlags)
    out.*one.member = (given_.*one.member).empty() ? below(root_, usual.*one.member) : given_.*one.member;
  return out;
}

void NodeCommandLine::add_paths(CLI::App& command, bool all) {
  const NodePaths usual;
  command.add_option("--root", root_, "Where the node's root directory is mounted: in front of the defaults below")
      ->check(absolute_path());
  for (const auto& one : kPathFlags)
    if (all || one.of_install)
      command.add_option(one.flag, given_.*one.member, one.help)
          ->check(absolute_path())
          ->default_str((usual.*one.member).string());
}

void NodeCommandLine::add_install(CLI::App& app, const Take& take, const Options& options) {
  auto* node = app.add_subcommand("node", "This node as a whole");
  node->require_subcommand(1);
  auto* install = node->add_subcommand(
      "install",
      "Put the plugin and the IPAM in place, each whole or not at all, and turn IP forwarding on, recorded as found "
      "(exit status 1: a step failed)");
  add_paths(*install, false);
  install->add_option("--source-dir", install_.source_dir, "Where slash32 and slash32-ipam are copied from")
      ->capture_default_str();
  install->add_option("--forwarding", families_, "Which families are forwarded: ipv4, ipv6, both, or none")
      ->delimiter(',')
      ->check(CLI::IsMember({"ipv4", "ipv6", "none"}))
      ->default_str("ipv4,ipv6");
  install->callback([this, take, &options] {
    install_.paths = paths();
    install_.families = {.v4 = std::ranges::find(families_, "ipv4") != families_.end(),
                         .v6 = std::ranges::find(families_, "ipv6") != families_.end()};
    take([this, &options] { return run_node_install(options, install_, std::cout); });
  });
}

void NodeCommandLine::add_cleanup(CLI::App& app, const Take& take, const Options& options) {
  auto* cleanup = app.add_subcommand(
      "cleanup",
      "Leave the node as it was found: no network configuration of ours, then, when no pod of ours lives, no routes, "
      "tables, settings, programs and stores (exit status 1: something is left; 0 also the second time)");
  add_paths(*cleanup, true);
  cleanup->add_flag("--force", cleanup_.force, "Also while pods of ours live; they lose their network");
  auto* dry = cleanup->add_flag("--dry-run", cleanup_.dry_run, "Only say; exit status 1 when anything is left to do");
  cleanup->add_flag("--stay", cleanup_.stay, "Try again every 10 seconds until all is done, then wait for SIGTERM")
      ->excludes(dry);
  cleanup->callback([this, take, &options] {
    cleanup_.paths = paths();
    cleanup_.root = root_;
    take([this, &options] { return run_cleanup(options, cleanup_, std::cout, std::cerr); });
  });
}

void NodeCommandLine::add_to(CLI::App& app, const Take& take, const Options& options) {
  add_install(app, take, options);
  add_cleanup(app, take, options);
}

}  // namespace slash32::ctl
