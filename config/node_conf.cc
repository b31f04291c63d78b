#include "config/node_conf.h"

#include <fcntl.h>
#include <cerrno>

#include "common/fd.h"
#include "common/json_field.h"

namespace slash32::config {
namespace {

constexpr std::uint32_t kMinMtu = 68;  // RFC 791 section 3.2: every module must forward 68 octets unfragmented
constexpr std::uint32_t kMaxMtu = 65535;

Result<NodeConf> read_node(const JsonField& field) {
  TRY(field.only({"nodeName", "podCidrs", "mtu", "masquerade"}));
  NodeConf node;
  node.node_name = TRY(field.optional("nodeName", json::non_empty_text, std::string{}));
  node.pod_cidrs = TRY(field.required("podCidrs", json::array_of(json::prefix)));
  const auto mtu = TRY(field.maybe("mtu", json::integer<std::uint32_t>(kMinMtu, kMaxMtu)));
  if (mtu) node.mtu = Mtu{*mtu};
  node.masquerade = TRY(field.optional("masquerade", json::boolean, false));
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
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd && errno == ENOENT) return std::optional<NodeConf>{};
  if (!fd) return sys_fail("open " + path.string());
  auto text = read_all(fd.get());
  if (!text) return fail(in(path.string(), std::move(text).error()));
  auto node = parse_node_conf(*text);
  if (!node) return fail(in(path.string(), std::move(node).error()));
  return std::optional<NodeConf>{std::move(*node)};
}

}  // namespace slash32::config
