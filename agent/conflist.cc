#include "agent/conflist.h"

#include <nlohmann/json.hpp>

namespace slash32::agent {

std::string conflist_text(const ConflistSettings& settings) {
  using nlohmann::ordered_json;
  ordered_json ours = {{"type", "slash32"},
                       {"nodeFile", settings.node_file.string()},
                       {"stateDir", settings.state_dir.string()},
                       {"ipam", {{"type", "slash32-ipam"}, {"dataDir", settings.ipam_dir.string()}}}};
  ordered_json plugins = ordered_json::array({std::move(ours)});
  if (settings.portmap)
    plugins.push_back(ordered_json{{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}});
  // The runtime takes the greatest for every plugin of the list: portmap may be an older one that refuses 1.1.0.
  ordered_json versions = {"0.3.1", "0.4.0", "1.0.0"};
  if (!settings.portmap) versions.push_back("1.1.0");
  const ordered_json out = {{"cniVersion", "1.0.0"},
                            {"cniVersions", std::move(versions)},
                            {"name", kNetworkName},
                            {"plugins", std::move(plugins)}};
  return out.dump(2) + "\n";
}

}  // namespace slash32::agent
