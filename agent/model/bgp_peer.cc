#include <algorithm>
#include <cctype>

#include "agent/model/bgp.h"
#include "agent/model/fields.h"
#include "agent/model/neighbor_settings.h"
#include "agent/model/secret_ref.h"
#include "config/special_address.h"

namespace slash32::agent::model {
namespace {

using config::Special;

Result<IpAddress> peer_address(const JsonField& field) {
  return config::host_address(field, {Special::Loopback, Special::LinkLocal});
}

Status read_target(const JsonField& spec, BgpPeer& out) {
  out.address = TRY(read_maybe(spec, "address", peer_address));
  out.interface = TRY(read_maybe(spec, "interface", json::non_empty_text));
  out.default_gateway = TRY(read_maybe(spec, "defaultGateway", config::address_family));
  out.peer_nodes = TRY(read_maybe(spec, "peerSelector", read_selector));
  const int given =
      (out.address ? 1 : 0) + (out.interface ? 1 : 0) + (out.default_gateway ? 1 : 0) + (out.peer_nodes ? 1 : 0);
  if (given != 1) return spec.bad("needs exactly one of address, interface, defaultGateway, peerSelector");
  return ok();
}

/// What cannot be the same at both ends of a session between nodes, or for each of them.
Status check_node_peers(const JsonField& spec, const BgpPeer& peer) {
  for (const char* key : {"remoteAs", "localAs", "localAddress", "role"})
    if (peer.settings.contains(key))
      return spec.child(key).bad(
          "excludes peerSelector: each node has its own AS and address, and both ends read this");
  for (const auto& key : peer.tcp_ao)
    if (key.settings.contains("sendId") || key.settings.contains("receiveId"))
      return spec.child("tcpAo").bad(
          "needs id with peerSelector: both ends read this, and sendId of one is receiveId of the other");
  return ok();
}

/// What names of Secrets and their entries are made of. It becomes part of a path.
Result<std::string> file_name(const JsonField& field) {
  auto text = TRY(json::non_empty_text(field));
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; };
  if (!std::ranges::all_of(text, plain)) return field.bad("must be letters, digits, '-', '.' or '_'");
  return text;
}

/// Identifiers and algorithm are bgpd's to check (neighbor_check.h); keys that it does not know are left out.
Result<TcpAoKey> tcp_ao_key(const JsonField& field) {
  TRY(field.is_object());
  TcpAoKey out;
  for (const char* key : {"id", "sendId", "receiveId", "algorithm"})
    if (const auto value = find(field, key); value && !value->value().is_null()) out.settings[key] = value->value();
  out.secret = TRY(field.required("secret", secret_ref));
  return out;
}

Result<std::vector<TcpAoKey>> tcp_ao_keys(const JsonField& field) {
  TRY(field.is_object());
  auto keys = TRY(field.required("keys", json::array_of(tcp_ao_key)));
  if (keys.empty()) return field.child("keys").bad("must have a key");
  return keys;
}

Status read_keys(const JsonField& spec, BgpPeer& out) {
  out.password = TRY(read_maybe(spec, "passwordSecret", secret_ref));
  out.tcp_ao = TRY(read_or(spec, "tcpAo", tcp_ao_keys, out.tcp_ao));
  if (out.password && !out.tcp_ao.empty())
    return spec.child("tcpAo").bad("excludes passwordSecret: a connection is signed one way (RFC 5925 section 1)");
  return ok();
}

Status read_filters(const JsonField& spec, BgpPeer& out) {
  out.import_filters = TRY(read_or(spec, "importFilters", names, out.import_filters));
  out.export_filters = TRY(read_or(spec, "exportFilters", names, out.export_filters));
  out.default_import = TRY(read_maybe(
      spec, "defaultImport",
      config::one_of<DefaultImport>({{"Accept", DefaultImport::Accept}, {"Reject", DefaultImport::Reject}})));
  out.default_export =
      TRY(read_maybe(spec, "defaultExport",
                     config::one_of<DefaultExport>(
                         {{"Own", DefaultExport::Own}, {"All", DefaultExport::All}, {"None", DefaultExport::None}})));
  return ok();
}

}  // namespace

Result<SecretRef> secret_ref(const JsonField& field) {
  TRY(field.is_object());
  SecretRef out;
  out.name = TRY(field.required("name", file_name));
  out.key = TRY(read_or(field, "key", file_name, out.key));
  return out;
}

Result<BgpPeer> read_bgp_peer(const nlohmann::json& object) {
  const JsonField root(object);
  BgpPeer out;
  out.meta = TRY(read_meta(root));
  const auto spec = TRY(section(root, "spec"));
  out.nodes = TRY(read_or(spec, "nodeSelector", read_selector, Selector{}));
  TRY(read_target(spec, out));
  TRY(read_keys(spec, out));
  const auto source = config::one_of<bool>({{"Auto", false}, {"NodeAddress", true}});
  out.source_node_address = TRY(read_or(spec, "sourceAddress", source, false));
  TRY(read_filters(spec, out));
  out.settings = TRY(neighbor_settings(spec));
  if (out.peer_nodes) TRY(check_node_peers(spec, out));
  if (!out.peer_nodes && !out.settings.contains("remoteAs")) return spec.missing("remoteAs");
  out.status.value = object.value("status", nlohmann::json());
  out.version.value = version_of(object);
  return out;
}

}  // namespace slash32::agent::model
