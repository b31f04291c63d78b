// slash32-bgpd: command line and nothing else. Stays in the foreground, logs to standard error.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "bgpd/daemon.h"
#include "common/fd.h"
#include "common/log.h"
#include "config/bgpd_conf.h"

namespace slash32 {
namespace {

/// Reads the configuration; every mistake is printed as "FILE: /path: what".
std::optional<config::BgpdConf> read_conf(const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    std::cerr << text.error().message << "\n";
    return std::nullopt;
  }
  auto checked = config::check_bgpd_conf(*text);
  for (const auto& error : checked.errors) std::cerr << path << ": " << error.message << "\n";
  if (!checked.errors.empty()) return std::nullopt;
  return std::move(checked.conf);
}

int check(const std::string& path) {
  const auto conf = read_conf(path);
  if (!conf) return 1;
  std::cout << config::print_bgpd_conf(*conf);
  return 0;
}

int run(const std::string& path) {
  auto conf = read_conf(path);
  if (!conf) return 1;
  log::set_level(std::string_view(conf->log_level));
  auto daemon = bgp::Daemon::open(path, *std::move(conf));
  if (!daemon) {
    log::error("cannot start", {{"why", daemon.error().message}});
    return 1;
  }
  (*daemon)->run();
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"slash32-bgpd: the BGP speaker of slash32. SIGTERM restarts (routes stay), SIGHUP reloads."};
  app.set_version_flag("--version", "slash32-bgpd " SLASH32_VERSION);
  std::string conf_path, check_path;
  auto* conf_flag = app.add_option("--config", conf_path, "configuration file; runs until a signal ends it");
  app.add_option("--check-config", check_path, "check this file and print it with every default")->excludes(conf_flag);
  CLI11_PARSE(app, argc, argv);
  if (!check_path.empty()) return check(check_path);
  if (conf_path.empty()) {
    std::cerr << "give --config FILE or --check-config FILE\n";
    return 2;
  }
  return run(conf_path);
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
