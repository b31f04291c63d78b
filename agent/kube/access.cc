#include "agent/kube/access.h"

#include <charconv>
#include <optional>

#include "agent/kube/yaml.h"
#include "common/ip.h"
#include "common/json_field.h"

namespace slash32::agent::kube {
namespace {

constexpr int kInvalid = 7;
constexpr std::string_view kScheme = "https://";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    return fail(kInvalid, "\"" + std::string(text) + "\" is not a port (1 to 65535)");
  return port;
}

/// A host as it stands in a URL or a variable: with or without brackets.
Result<std::string> parse_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text.empty()) return fail(kInvalid, "the host is empty");
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%") != text.npos)
    return fail(kInvalid, "\"" + std::string(text) + "\" is not a host name or an address");
  return std::string(text);
}

/// The element of `list` that is called `name`, as the member `what` of it.
Result<JsonField> named(const JsonField& root, const std::string& list, const std::string& name,
                        const std::string& what) {
  if (!root.has(list) || !root.value().at(list).is_array()) return root.missing(list);
  const auto field = root.child(list);
  for (std::size_t i = 0; i < field.value().size(); ++i) {
    const auto element = field.element(i);
    if (!element.has("name") || element.value().at("name") != name) continue;
    if (!element.has(what) || !element.value().at(what).is_object()) return element.missing(what);
    return element.child(what);
  }
  return field.bad("has no element named \"" + name + "\"");
}

bool is_set(const JsonField& field, const std::string& key) {
  return field.has(key) && !field.value().at(key).is_null() && field.value().at(key) != "";
}

Status refuse(const JsonField& field, const std::string& key, const std::string& why) {
  return is_set(field, key) ? Status(field.child(key).bad(why)) : ok();
}

/// KEY-data (base64) or KEY (a file); data wins, as in kubectl.
Result<Material> material(const JsonField& field, const std::string& key, const std::filesystem::path& directory) {
  Material out;
  if (is_set(field, key + "-data")) {
    const auto child = field.child(key + "-data");
    auto decoded = decode_base64(TRY(json::text(child)));
    if (!decoded) return child.bad(decoded.error().message);
    out.data = *std::move(decoded);
    if (out.data.empty()) return child.bad("is empty");
  } else if (is_set(field, key)) {
    out.file = directory / TRY(json::text(field.child(key)));
  }
  return out;
}

Status read_cluster(const JsonField& cluster, const std::filesystem::path& directory, Access& out) {
  TRY(refuse(cluster, "proxy-url", "proxies are not supported"));
  const auto server = TRY(cluster.required("server", json::non_empty_text));
  if (auto set = set_server(out, server); !set) return cluster.child("server").bad(set.error().message);
  out.ca = TRY(material(cluster, "certificate-authority", directory));
  if (is_set(cluster, "insecure-skip-tls-verify"))
    out.insecure = TRY(json::boolean(cluster.child("insecure-skip-tls-verify")));
  if (out.insecure && !out.ca.empty())
    return cluster.child("insecure-skip-tls-verify").bad("must not be true beside a certificate-authority");
  if (is_set(cluster, "tls-server-name")) out.server_name = TRY(json::text(cluster.child("tls-server-name")));
  return ok();
}

Status read_user(const JsonField& user, const std::filesystem::path& directory, Access& out) {
  static constexpr const char* kPlugin =
      "credential plugins are not supported; use a token, a token file or a client certificate";
  TRY(refuse(user, "exec", kPlugin));
  TRY(refuse(user, "auth-provider", kPlugin));
  for (const char* key : {"username", "password"})
    TRY(refuse(user, key, "basic authentication is not supported (Kubernetes dropped it in 1.19)"));
  for (const char* key : {"as", "as-groups", "as-uid", "as-user-extra"})
    TRY(refuse(user, key, "impersonation is not supported"));
  out.client_certificate = TRY(material(user, "client-certificate", directory));
  out.client_key = TRY(material(user, "client-key", directory));
  if (out.client_certificate.empty() != out.client_key.empty())
    return user.bad("has one of client-certificate and client-key; both belong together");
  // client-go: tokenFile takes precedence, since it may be renewed.
  if (is_set(user, "tokenFile")) {
    out.token.file = directory / TRY(json::text(user.child("tokenFile")));
  } else if (is_set(user, "token")) {
    out.token.data = TRY(json::text(user.child("token")));
  }
  return ok();
}

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  std::size_t padding = 0, symbols = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') continue;
    ++symbols;
    if (c == '=' && ++padding <= 2) continue;
    const auto value = kBase64.find(c);
    if (value == kBase64.npos || padding > 0)
      return fail(kInvalid, "is not base64 (RFC 4648 section 4) at offset " + std::to_string(i));
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xFF);
  }
  if (symbols % 4 != 0) return fail(kInvalid, "is not base64 (RFC 4648 section 4): its length is no multiple of four");
  return out;
}

Status set_server(Access& access, std::string_view url) {
  if (!url.starts_with(kScheme)) return fail(kInvalid, "\"" + std::string(url) + "\" must begin with https://");
  url.remove_prefix(kScheme.size());
  const auto slash = std::min(url.find('/'), url.size());
  auto authority = url.substr(0, slash);
  std::string path(url.substr(slash));
  if (path.find_first_of(" ?#\r\n") != path.npos)
    return fail(kInvalid, "the URL must have no query, fragment or space");
  while (path.ends_with('/')) path.pop_back();
  std::uint16_t port = 443;
  const auto colon = authority.rfind(':');
  // A colon inside of brackets belongs to the address.
  if (colon != authority.npos && (authority.find(']') == authority.npos || colon > authority.find(']'))) {
    port = TRY(parse_port(authority.substr(colon + 1)));
    authority = authority.substr(0, colon);
  }
  access.host = TRY(parse_host(authority));
  access.port = port;
  access.base_path = std::move(path);
  return ok();
}

std::string url_of(const Access& access) {
  const bool brackets = access.host.find(':') != access.host.npos;
  return std::string(kScheme) + (brackets ? "[" : "") + access.host + (brackets ? "]:" : ":") +
         std::to_string(access.port) + access.base_path;
}

Result<Access> parse_kubeconfig(std::string_view text, const std::filesystem::path& directory,
                                const std::string& context) {
  const auto document = TRY(parse_yaml(text));
  const JsonField root(document);
  TRY(root.is_object());
  auto name = context;
  if (name.empty()) name = TRY(root.required("current-context", json::non_empty_text));
  const auto chosen = TRY(named(root, "contexts", name, "context"));
  Access out;
  out.origin = "context " + name;
  const auto cluster_name = TRY(chosen.required("cluster", json::non_empty_text));
  const auto cluster = TRY(named(root, "clusters", cluster_name, "cluster"));
  TRY(read_cluster(cluster, directory, out));
  if (is_set(chosen, "user")) {
    const auto user_name = TRY(json::text(chosen.child("user")));
    const auto user = TRY(named(root, "users", user_name, "user"));
    TRY(read_user(user, directory, out));
  }
  return out;
}

Result<Access> in_cluster_access(const std::string& host, const std::string& port,
                                 const std::filesystem::path& directory) {
  if (host.empty() || port.empty())
    return fail(kInvalid,
                "not in a pod: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set; give --kubeconfig FILE");
  Access out;
  out.host = TRY(parse_host(host));
  out.port = TRY(parse_port(port));
  out.ca.file = directory / "ca.crt";
  out.token.file = directory / "token";
  out.origin = "in-cluster";
  return out;
}

}  // namespace slash32::agent::kube
