// Any text as what a runtime sends the plugin, and as node.json. What ADD takes strictly DEL must take leniently, to
// the same values; and DEL never fails.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json_field.h"
#include "config/ipam_conf.h"
#include "config/net_conf.h"
#include "config/node_conf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slash32;
  using namespace slash32::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto node = parse_node_conf(text); !node && node.error().message.empty()) std::abort();
  const auto document = parse_json(text);
  if (!document) return 0;
  const JsonField root(*document);
  const GetEnv none = [](const std::string&) { return std::optional<std::string>{}; };
  std::vector<std::string> complaints;
  const NetConf lenient = read_net_conf_leniently(root, none, complaints);
  (void)read_ipam_conf_leniently(root);
  (void)read_log_conf(root, none);
  const auto strict = read_net_conf(root, none);
  if (!strict) {
    if (strict.error().message.empty()) std::abort();
    return 0;
  }
  if (const auto ipam = read_ipam_conf(root.child("ipam")); !ipam && ipam.error().message.empty()) std::abort();
  if (!complaints.empty() || lenient.mtu != strict->mtu || lenient.data_dir != strict->data_dir ||
      lenient.ipam_type != strict->ipam_type || lenient.log.file != strict->log.file)
    std::abort();
  return 0;
}
