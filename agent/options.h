// What the command line says. Every path can be given, so that many nodes can live on one machine.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "agent/kube/access.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::agent {

struct Options {
  // The API server.
  std::filesystem::path kubeconfig;  // empty: what a pod has
  std::string context;               // of the kubeconfig; empty: its current-context
  std::string server;                // https://host:port in place of what those say
  std::string service_host, service_port;
  std::filesystem::path service_account{"/var/run/secrets/kubernetes.io/serviceaccount"};
  std::string name_space;  // of the agent and its Secrets; empty: the service account's, else kube-system
  std::string node_name;

  // What is written.
  std::filesystem::path node_file{"/run/slash32/node.json"};
  std::filesystem::path bgpd_config{"/etc/slash32/bgpd.json"};
  std::filesystem::path secrets_dir{"/run/slash32/secrets"};
  std::filesystem::path state_dir{"/var/lib/slash32"};
  std::filesystem::path conflist{"/etc/cni/net.d/10-slash32.conflist"};

  // What is looked at.
  std::filesystem::path cni_bin_dir{"/opt/cni/bin"};
  std::filesystem::path ipam_dir{"/run/slash32/ipam"};
  std::filesystem::path bgpd_socket{"/run/slash32/bgpd.sock"};
  std::filesystem::path bgpd_state_file{"/run/slash32/bgpd.state"};

  std::filesystem::path socket{"/run/slash32/agent.sock"};
  std::string metrics_address;  // empty: none
  std::optional<Mtu> mtu;       // empty: the default route's
  std::string log_level = "info";
  bool no_bgp = false;       // no bgpd here: bgpd.json is not written, nobody is asked
  bool no_conflist = false;  // the admin's
};

/// How the API server is reached. Error: names what is missing or wrong.
Result<kube::Access> access_of(const Options& options);

/// The namespace whose Secrets the agent reads.
std::string namespace_of(const Options& options);

}  // namespace slash32::agent
