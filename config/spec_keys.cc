#include "config/spec_keys.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "config/special_address.h"

namespace slash32::config {
namespace {

/// A text without spaces. Those of dns end up in resolv.conf(5).
Result<std::string> word(const JsonField& field) {
  auto text = TRY(json::line(field));
  if (text.empty()) return field.bad("must not be empty");
  if (text.find(' ') != std::string::npos) return field.bad("must not contain spaces");
  return text;
}

Result<std::string> version_text(const JsonField& field) {
  auto text = TRY(json::text(field));
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos)
    return field.bad("must be a version such as \"1.1.0\"");
  return text;
}

/// libcni takes the texts as well.
Result<bool> switch_of(const JsonField& field) {
  if (field.value().is_boolean()) return field.value().get<bool>();
  for (const auto& [word, on] : {std::pair{"true", true}, std::pair{"false", false}})
    if (field.value() == word) return on;
  return field.bad("must be true or false");
}

Result<bool> capabilities(const JsonField& field) {
  TRY(field.is_object());
  for (const auto& [name, value] : field.value().items()) TRY(json::boolean(field.child(name)));
  return true;
}

Result<bool> object(const JsonField& field) {
  TRY(field.is_object());
  return true;
}

Result<bool> args(const JsonField& field) {
  TRY(field.is_object());
  TRY(field.optional("cni", object, true));
  return true;
}

/// An address; a link-local one may name its link ("fe80::1%eth0", RFC 4007 section 11, as resolv.conf(5) takes it).
Result<std::string> nameserver(const JsonField& field) {
  auto text = TRY(word(field));
  const auto zone = text.find('%');
  const nlohmann::json bare = text.substr(0, zone);
  const auto address = TRY(host_address(JsonField(bare, field.pointer()), {Special::Loopback, Special::LinkLocal}));
  if (zone != std::string::npos && (!address.is_v6() || !address.is_link_local() || zone + 1 == text.size()))
    return field.bad("only a link-local IPv6 address has a zone behind '%'");
  return text;
}

Result<cni::RouteConfig> route(const JsonField& field) {
  TRY(field.only({"dst", "gw", "mtu", "advmss", "priority", "table", "scope"}));
  TRY(field.required("dst", json::prefix));
  TRY(field.maybe("gw", [](const JsonField& gw) { return host_address(gw, {Special::LinkLocal}); }));
  for (const char* key : {"mtu", "advmss", "priority", "table", "scope"})
    TRY(field.maybe(key, json::integer<std::uint32_t>()));
  return cni::read_route(field);
}

}  // namespace

Result<std::string> plugin_name(const JsonField& field) {
  auto name = TRY(word(field));
  if (name.find('/') != std::string::npos) return field.bad("must be a plugin's name, without a path");
  return name;
}

Status check_spec_keys(const JsonField& root) {
  TRY(root.required("type", plugin_name));
  TRY(root.optional("cniVersions", json::array_of(version_text), std::vector<std::string>{}));
  TRY(root.optional("capabilities", capabilities, true));
  TRY(root.optional("args", args, true));
  TRY(root.optional("runtimeConfig", object, true));
  for (const char* key : {"disableCheck", "disableGC"}) TRY(root.optional(key, switch_of, false));
  for (const char* key : {"deviceID", "pciBusID"}) TRY(root.optional(key, json::text, std::string{}));
  return ok();
}

Result<cni::Dns> read_dns_conf(const JsonField& field) {
  TRY(field.only({"nameservers", "domain", "search", "options"}));
  cni::Dns out;
  out.nameservers = TRY(field.optional("nameservers", json::array_of(nameserver), out.nameservers));
  out.domain = TRY(field.optional("domain", word, out.domain));
  out.search = TRY(field.optional("search", json::array_of(word), out.search));
  out.options = TRY(field.optional("options", json::array_of(word), out.options));
  return out;
}

Result<std::vector<cni::RouteConfig>> read_routes_conf(const JsonField& field) {
  auto routes = TRY(field.each(route));
  for (std::size_t i = 0; i < routes.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (routes[i].dst == routes[j].dst && routes[i].priority == routes[j].priority &&
          routes[i].table == routes[j].table)
        return field.element(i).child("dst").bad(routes[i].dst.to_string() + " is there twice");
  return routes;
}

}  // namespace slash32::config
