// The CNI configuration list that makes a runtime use slash32. Pure.
#pragma once

#include <filesystem>
#include <string>

namespace slash32::agent {

/// The network that the conflist makes.
inline constexpr const char* kNetworkName = "slash32";

struct ConflistSettings {
  std::filesystem::path ipam_dir;
  std::filesystem::path node_file;
  std::filesystem::path state_dir;
  bool portmap = false;  // chain the portmap plugin, for hostPort
};

/// The same settings give the same bytes. Ranges and MTU are not in it: they stand in node.json, and change there.
std::string conflist_text(const ConflistSettings& settings);

}  // namespace slash32::agent
