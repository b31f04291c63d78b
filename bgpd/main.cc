// slash32-bgpd: command line and nothing else. Stays in the foreground, logs to standard error.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "bgpd/check_client.h"
#include "bgpd/conf_source.h"
#include "bgpd/daemon.h"
#include "bgpd/state_file.h"
#include "bgpd/transport/tcp_keys.h"
#include "common/fd.h"
#include "common/log.h"
#include "config/bgpd_conf.h"

namespace slash32 {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kResets = 3;
constexpr rlim_t kDescriptors = 65536;  // a session takes one or two

constexpr const char* kFooter =
    "Exit status: 0 ended by a signal or by `slash32ctl shutdown`, or the checked file is good; 1 it could not start,\n"
    "or the file is wrong (the reason is on standard error); 2 wrong usage; 3 with --against: a session would reset.\n";

/// As many descriptors as the administrator allows: the soft limit, often 1024, is for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return log::warn("descriptor limit", {{"why", "cannot be read"}});
  const auto wanted = std::min(limit.rlim_max, kDescriptors);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = wanted;
    if (const int done = ::setrlimit(RLIMIT_NOFILE, &limit); done != 0)
      return log::warn("descriptor limit", {{"why", sys_fail("raise it").error().message}});
  }
  log::info("descriptor limit", {{"is", std::to_string(limit.rlim_cur)}});
}

/// Signals that come before Daemon::run() listens for them wait: SIGHUP's default would end us.
void hold_signals() {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&held, number);
  ::pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

/// Until there is a file to read, as where the agent writes it on a node's first start. False: told to end before.
bool wait_for(const std::string& path) {
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT}) ::sigaddset(&ends, number);
  bool told = false;
  while (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    if (!told) log::info("waiting for the configuration", {{"file", path}});
    told = true;
    const timespec pause{.tv_sec = 0, .tv_nsec = 250'000'000};
    if (::sigtimedwait(&ends, nullptr, &pause) > 0) return false;
  }
  return true;
}

struct ReadConf {
  std::string text;
  config::BgpdConf conf;
};
/// Reads the configuration; every mistake is printed as "FILE: /path: what".
std::optional<ReadConf> read_conf(const std::string& path) {
  auto text = read_file(path);
  if (!text) {
    std::cerr << text.error().message << "\n";
    return std::nullopt;
  }
  auto checked = config::check_bgpd_conf(*text);
  for (const auto& error : checked.errors) std::cerr << path << ": " << error.message << "\n";
  if (!checked.errors.empty()) return std::nullopt;
  return ReadConf{*std::move(text), std::move(checked.conf)};
}

/// What is right in the file and cannot be had here.
void warn(const std::string& path, const config::BgpdConf& conf) {
  const auto good = bgp::tcp_ao_is_there();
  if (good) return;
  const auto tell = [&](const std::string& place, const config::NeighborConf& one) {
    if (!one.tcp_ao.empty())
      std::cerr << path << ": warning: " << place << " (" << one.name << "): " << good.error().message
                << "; no session would come up\n";
  };
  for (std::size_t i = 0; i < conf.neighbors.size(); ++i) tell("/neighbors/" + std::to_string(i), conf.neighbors[i]);
  for (std::size_t i = 0; i < conf.dynamic_neighbors.size(); ++i)
    tell("/dynamicNeighbors/" + std::to_string(i), conf.dynamic_neighbors[i].settings);
}

int check(const std::string& path) {
  const auto read = read_conf(path);
  if (!read) return kFailed;
  warn(path, read->conf);
  std::cout << config::print_bgpd_conf(read->conf);
  return kDone;
}

/// What the file would change in the daemon that answers on `socket`.
int check_against(const std::string& path, const std::string& socket) {
  const auto read = read_conf(path);
  if (!read) return kFailed;
  const auto answer = bgp::check_against(socket, read->text);
  if (!answer) {
    std::cerr << answer.error().message << "\n";
    return kFailed;
  }
  std::cout << answer->text;
  return answer->resets ? kResets : kDone;
}

int run(const std::string& path, bool wait) {
  hold_signals();
  if (wait && !wait_for(path)) return kDone;
  auto read = read_conf(path);
  if (!read) return kFailed;
  const auto now = bgp::wall_clock();
  auto from_file = bgp::file_start_conf(read->conf, read->text, now);
  auto start = bgp::choose_start_conf(std::move(read->conf), path, read->text, bgp::read_boot_id(), now);
  log::set_level(std::string_view(start.conf.log_level));
  raise_descriptor_limit();
  const bool was_put = start.source.put;
  auto daemon = bgp::Daemon::open(path, std::move(start));
  if (!daemon && was_put) {  // its socket's place was taken meanwhile, say; the file may be good
    from_file.passed_over = from_file.source.copy + ": " + daemon.error().message;
    from_file.refused = true;
    daemon = bgp::Daemon::open(path, std::move(from_file));
  }
  if (!daemon) {
    log::error("cannot start", {{"why", daemon.error().message}});
    return kFailed;
  }
  (*daemon)->run();
  return kDone;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"slash32-bgpd: the BGP speaker of slash32. SIGTERM restarts (routes stay), SIGHUP reloads."};
  app.set_version_flag("--version", "slash32-bgpd " SLASH32_VERSION);
  std::string conf_path, check_path, against;
  auto* conf_flag = app.add_option("--config", conf_path, "configuration file; runs until a signal ends it");
  bool wait = false;
  app.add_flag("--wait", wait, "wait for the configuration file where there is none yet")->needs(conf_flag);
  auto* check_flag = app.add_option("--check-config", check_path, "check this file and print it with every default");
  check_flag->excludes(conf_flag);
  app.add_option("--against", against, "say instead what it would change in the daemon with this control socket")
      ->needs(check_flag);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version come this way as well
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (!check_path.empty()) return against.empty() ? check(check_path) : check_against(check_path, against);
  if (conf_path.empty()) {
    std::cerr << "give --config FILE or --check-config FILE\n";
    return kUsage;
  }
  return run(conf_path, wait);
}

}  // namespace
}  // namespace slash32

int main(int argc, char** argv) {
  try {
    return slash32::parse_and_run(argc, argv);
  } catch (const std::exception& e) {  // of a library: we throw nothing
    std::fprintf(stderr, "slash32-bgpd: %s\n", e.what());
    return 1;
  }
}
