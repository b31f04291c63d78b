#include "ctl/networks.h"

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <set>

#include "common/fd.h"
#include "common/json_field.h"
#include "ctl/ipam_store.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

constexpr const char* kPluginType = "slash32";

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Network network_from(const std::string& name, const nlohmann::json& plugin) {
  const JsonField root(plugin);
  std::vector<std::string> complaints;  // the plugin logs them at every DEL
  Network out{.name = name,
              .conf = config::read_net_conf_leniently(root, environment, complaints),
              .own_ipam = false,
              .data_dir = {}};
  out.own_ipam = out.conf.ipam_type == config::kIpamType;
  out.data_dir = tidy(config::read_ipam_conf_leniently(root, out.conf.data_dir).data_dir);
  return out;
}

Result<std::vector<Network>> read_file_of_networks(const std::filesystem::path& path) {
  const auto text = TRY(read_file(path));
  const auto parsed = TRY(parse_json_leniently(text));
  const auto& document = parsed.value;
  const JsonField root(document);
  const auto name = TRY(root.required("name", json::non_empty_text));
  std::vector<Network> out;
  const auto add = [&](const nlohmann::json& plugin) {
    if (plugin.is_object() && plugin.contains("type") && plugin["type"] == kPluginType)
      out.push_back(network_from(name, plugin));
  };
  if (!root.has("plugins")) add(document);
  if (root.has("plugins") && document["plugins"].is_array())
    for (const auto& plugin : document["plugins"]) add(plugin);
  return out;
}

}  // namespace

std::vector<Network> read_networks(const std::filesystem::path& directory, std::ostream& notes,
                                   const std::filesystem::path& except) {
  std::set<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const auto extension = entry.path().extension();
    if (entry.path().filename() == except) continue;
    if (extension == ".conflist" || extension == ".conf" || extension == ".json") files.insert(entry.path());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    notes << "note: " << printable(directory.string()) << ": " << error.message() << "\n";
  std::vector<Network> out;
  for (const auto& file : files) {
    auto networks = read_file_of_networks(file);
    if (!networks) {
      notes << "note: " << printable(file.string()) << ": " << printable(networks.error().message) << "\n";
      continue;
    }
    for (auto& network : *networks) out.push_back(std::move(network));
  }
  return out;
}

const Network* network_of(const std::vector<Network>& networks, const pod::Alias& alias) {
  const auto it = std::ranges::find_if(
      networks, [&](const Network& network) { return pod::alias_is_of_network(alias, network.name); });
  return it == networks.end() ? nullptr : &*it;
}

}  // namespace slash32::ctl
