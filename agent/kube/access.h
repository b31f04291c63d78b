// How the API server is reached and who we are to it: from a kubeconfig file, or from what a pod is given. Pure: what
// stands in files is only named here, and read by credentials.h each time it is needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32::agent::kube {

/// Text that stands in the configuration itself, or in a file that may change under us.
struct Material {
  std::string data;
  std::filesystem::path file;
  bool empty() const { return data.empty() && file.empty(); }
};

struct Access {
  std::string host;  // a name or an address, IPv6 without brackets
  std::uint16_t port = 443;
  std::string base_path;                    // "" or "/k8s/clusters/c-1": before every path
  std::string server_name;                  // what the certificate must be for, when not `host`
  Material ca;                              // PEM; empty: the system's authorities
  bool insecure = false;                    // insecure-skip-tls-verify
  Material client_certificate, client_key;  // PEM
  Material token;
  std::string origin;  // for people: "kubeconfig /etc/kubernetes/admin.conf, context admin@k8s"
};

/// A kubeconfig (`text`, YAML or JSON); relative file names in it are relative to `directory`. `context` instead of its
/// current-context, unless empty. Error: names the place; also for what we do not do: exec and auth-provider plugins,
/// basic authentication, impersonation, proxies, http. Unknown keys are passed over: the file is not ours alone.
Result<Access> parse_kubeconfig(std::string_view text, const std::filesystem::path& directory,
                                const std::string& context = {});

/// What a pod has: KUBERNETES_SERVICE_HOST and _PORT, and the service account's `directory` with token and ca.crt.
Result<Access> in_cluster_access(const std::string& host, const std::string& port,
                                 const std::filesystem::path& directory);

/// Points `access` at another server: "https://host[:port][/path]". Who we are and whom we trust stay.
Status set_server(Access& access, std::string_view url);

/// "https://10.96.0.1:443", "https://[fd00::1]:6443/k8s".
std::string url_of(const Access& access);

/// RFC 4648 section 4, with padding; line ends are passed over. Error: the offset of what does not belong there.
Result<std::string> decode_base64(std::string_view text);

}  // namespace slash32::agent::kube
