// slash32-agent: command line and nothing else. Stays in the foreground, logs to standard error.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>

#include "agent/daemon.h"
#include "common/log.h"

namespace slash32 {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char* kFooter =
    "Without --kubeconfig it uses what a pod is given. Exit status: 0 ended by a signal; 1 it could not start (the "
    "reason\n"
    "is on standard error); 2 wrong usage.\n";

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

CLI::Option* add_path(CLI::App& app, const char* name, std::filesystem::path& value, const char* what) {
  return app.add_option_function<std::string>(
                name, [&value](const std::string& text) { value = text; }, what)
      ->default_str(value.string());
}

void add_server(CLI::App& app, agent::Options& options) {
  add_path(app, "--kubeconfig", options.kubeconfig, "how to reach the API server")->envname("KUBECONFIG");
  app.add_option("--context", options.context, "of the kubeconfig, in place of its current one");
  app.add_option("--server", options.server, "https://HOST[:PORT] in place of the one those say")
      ->envname("SLASH32_API_SERVER");
  app.add_option("--kubernetes-service-host", options.service_host, "in a pod: the API server")
      ->envname("KUBERNETES_SERVICE_HOST");
  app.add_option("--kubernetes-service-port", options.service_port, "in a pod: its port")
      ->envname("KUBERNETES_SERVICE_PORT");
  add_path(app, "--service-account", options.service_account, "in a pod: the directory with token and ca.crt");
  app.add_option("--namespace", options.name_space,
                 "of Secrets and the lease; else the service account's, else kube-system")
      ->envname("POD_NAMESPACE");
  app.add_option("--node-name", options.node_name, "this Node; else the host's name")->envname("NODE_NAME");
}

void add_paths(CLI::App& app, agent::Options& options) {
  add_path(app, "--node-file", options.node_file, "node.json");
  add_path(app, "--bgpd-config", options.bgpd_config, "bgpd's configuration");
  add_path(app, "--secrets-dir", options.secrets_dir, "password files for bgpd");
  add_path(app, "--state-dir", options.state_dir, "what must survive a boot");
  add_path(app, "--conflist", options.conflist, "the CNI configuration list");
  add_path(app, "--cni-bin-dir", options.cni_bin_dir, "where the runtime looks for plugins");
  add_path(app, "--ipam-dir", options.ipam_dir, "the IPAM's store, as the conflist names it");
  add_path(app, "--bgpd-socket", options.bgpd_socket, "where slash32-bgpd answers");
  add_path(app, "--bgpd-state-file", options.bgpd_state_file, "bgpd's own");
  add_path(app, "--socket", options.socket, "where we answer");
}

int run(agent::Options options) {
  if (options.node_name.empty()) options.node_name = host_name();
  auto daemon = agent::Daemon::open(std::move(options));
  if (!daemon) {
    log::error("cannot start", {{"why", daemon.error().message}});
    return kFailed;
  }
  (*daemon)->run();
  return kDone;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"slash32-agent: makes a node's configuration out of what the Kubernetes API says."};
  app.set_version_flag("--version", "slash32-agent " SLASH32_VERSION);
  agent::Options options;
  std::uint32_t mtu = 0;
  add_server(app, options);
  add_paths(app, options);
  app.add_option("--metrics-address", options.metrics_address, "ADDRESS:PORT for /metrics, /v1/ready and /v1/live");
  app.add_option("--mtu", mtu, "of pod interfaces; else the default route's")->check(CLI::Range(68, 65535));
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")->capture_default_str();
  app.add_flag("--no-bgp", options.no_bgp, "no slash32-bgpd on this node");
  app.add_flag("--no-conflist", options.no_conflist, "the admin writes the conflist");
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version come this way as well
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (!log::set_level(std::string_view(options.log_level))) {
    std::cerr << "--log-level: must be debug, info, warn or error\n";
    return kUsage;
  }
  if (mtu != 0) options.mtu = Mtu{mtu};
  return run(std::move(options));
}

}  // namespace
}  // namespace slash32

int main(int argc, char** argv) {
  try {
    return slash32::parse_and_run(argc, argv);
  } catch (const std::exception& e) {  // of a library: we throw nothing
    std::fprintf(stderr, "slash32-agent: %s\n", e.what());
    return 1;
  }
}
