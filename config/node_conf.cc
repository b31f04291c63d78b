#include "config/node_conf.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/fd.h"
#include "common/json_field.h"
#include "common/log.h"
#include "config/special_address.h"

namespace slash32::config {
namespace {

constexpr std::array<std::string_view, 5> kKeys = {"nodeName", "podCidrs", "mtu", "masquerade", "masqueradeExempt"};
constexpr std::uint32_t kMinMtu = 68;  // RFC 791 section 3.2: every module must forward 68 octets unfragmented
constexpr std::uint32_t kMaxMtu = 65535;

Result<NodeConf> read_node(const JsonField& field) {
  TRY(field.is_object());
  NodeConf node;
  for (const auto& [key, value] : field.value().items())
    if (std::ranges::find(kKeys, key) == kKeys.end()) node.unknown_keys.push_back(key);
  node.node_name = TRY(field.optional("nodeName", json::line, std::string{}));
  if (field.has("nodeName") && node.node_name.empty()) return field.child("nodeName").bad("must not be empty");
  node.pod_cidrs = TRY(field.required("podCidrs", json::array_of(pod_range)));
  const auto mtu = TRY(field.maybe("mtu", json::integer<std::uint32_t>(kMinMtu, kMaxMtu)));
  if (mtu) node.mtu = Mtu{*mtu};
  node.masquerade = TRY(field.optional("masquerade", json::boolean, false));
  node.masquerade_exempt = TRY(field.optional("masqueradeExempt", exempt_ranges, std::vector<Prefix>{}));
  for (std::size_t i = 0; i < node.pod_cidrs.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (node.pod_cidrs[i].overlaps(node.pod_cidrs[j]))
        return field.child("podCidrs")
            .element(i)
            .bad(node.pod_cidrs[i].to_string() + " overlaps " + node.pod_cidrs[j].to_string());
  return node;
}

}  // namespace

Result<NodeConf> parse_node_conf(std::string_view text) {
  const auto document = TRY(parse_json(text));
  return read_node(JsonField(document));
}

Result<std::optional<NodeConf>> read_node_conf(const std::filesystem::path& path) {
  const auto text = TRY(read_file_if_there(path));
  if (!text) return std::optional<NodeConf>{};
  auto node = parse_node_conf(*text);
  if (!node) return fail(in(path.string(), std::move(node).error()));
  for (const auto& key : node->unknown_keys)
    log::warn("unknown key in node.json, passed over", {{"file", path.string()}, {"key", key}});
  return std::optional<NodeConf>{std::move(*node)};
}

}  // namespace slash32::config
