#include "agent/options.h"

#include "common/fd.h"

namespace slash32::agent {
namespace {

constexpr const char* kDefaultNamespace = "kube-system";

Result<kube::Access> read_access(const Options& options) {
  if (options.kubeconfig.empty())
    return kube::in_cluster_access(options.service_host, options.service_port, options.service_account);
  const auto text = TRY(read_file(options.kubeconfig));
  auto access = kube::parse_kubeconfig(text, options.kubeconfig.parent_path(), options.context);
  if (!access) return fail(in(options.kubeconfig.string(), std::move(access).error()));
  access->origin = options.kubeconfig.string() + ", " + access->origin;
  return access;
}

}  // namespace

Result<kube::Access> access_of(const Options& options) {
  auto given = options;
  if (!options.server.empty() && options.service_host.empty()) {  // the server's address is all that is missing
    given.service_host = "kubernetes.default.svc";
    given.service_port = "443";
  }
  auto access = TRY(read_access(given));
  if (!options.server.empty()) {
    if (auto set = kube::set_server(access, options.server); !set) return fail(in("--server", std::move(set).error()));
  }
  return access;
}

std::string namespace_of(const Options& options) {
  if (!options.name_space.empty()) return options.name_space;
  const auto text = read_file(options.service_account / "namespace");
  return text && !text->empty() ? text->substr(0, text->find('\n')) : kDefaultNamespace;
}

}  // namespace slash32::agent
