// manifests/crds/: whatever bgpd can be told of a neighbour or in a policy has its place in a resource's schema. What
// the API server says of the files is asked elsewhere; here they are read as text.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "config/bgpd_conf.h"

namespace slash32::agent::model {
namespace {

std::string text_of(const std::string& name) {
  const auto path = std::filesystem::path(SLASH32_SOURCE_DIR) / "manifests/crds" / name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

/// The names of properties anywhere in a schema: keys on a line of their own.
std::set<std::string> properties_of(const std::string& name) {
  std::set<std::string> out;
  std::istringstream text(text_of(name));
  for (std::string line; std::getline(text, line);) {
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos && line.ends_with(':')) out.insert(line.substr(first, line.size() - first - 1));
  }
  return out;
}

/// The last words of bgpd.json's keys that begin with `path`.
std::set<std::string> keys_under(const std::string& path) {
  std::set<std::string> out;
  for (const auto& key : config::bgpd_conf_keys())
    if (key.starts_with(path)) out.insert(key.substr(key.rfind('.') + 1));
  return out;
}

TEST(Crds, LetABgpPeerSayWhateverANeighbourOfBgpdHas) {
  // The plan gives these: the name is the resource's, and the policies are made of filters and advertisements.
  const std::set<std::string> ours = {"name", "group", "passwordFile", "keyFile", "import", "export"};
  const auto properties = properties_of("bgppeers.yaml");
  for (const auto& key : keys_under("neighbors[]."))
    EXPECT_TRUE(ours.contains(key) || properties.contains(key)) << key << " is missing in bgppeers.yaml";
}

TEST(Crds, LetNodesSayWhateverTheirSessionsCanHave) {
  const auto properties = properties_of("bgpconfigurations.yaml");
  for (const std::string object : {"gracefulRestart", "bfd", "addPath", "maxPrefixes"})
    for (const auto& key : keys_under("neighbors[]." + object + "."))
      EXPECT_TRUE(properties.contains(key)) << object << "." << key << " is missing in bgpconfigurations.yaml";
  for (const char* key :
       {"install", "metric", "multipath", "multipathRelax", "maxRoutes", "nextHopNeighbors", "nextHopObjects"})
    EXPECT_TRUE(properties.contains(key)) << key;
}

TEST(Crds, LetABgpFilterSayWhateverAPolicyHas) {
  const auto properties = properties_of("bgpfilters.yaml");
  for (const auto& key : keys_under("policies{}[]."))
    EXPECT_TRUE(properties.contains(key)) << key << " is missing in bgpfilters.yaml";
}

TEST(Crds, AreSixOfOneGroupAndVersionWithoutWhatOldServersRefuse) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SLASH32_SOURCE_DIR) / "manifests/crds")) {
    if (entry.path().extension() != ".yaml" || entry.path().filename() == "kustomization.yaml") continue;
    ++files;
    const auto text = text_of(entry.path().filename().string());
    EXPECT_NE(text.find("\n  group: slash32.io\n"), std::string::npos) << entry.path();
    EXPECT_NE(text.find("name: v1alpha1\n"), std::string::npos) << entry.path();
    EXPECT_NE(text.find("scope: Cluster\n"), std::string::npos) << entry.path();
    EXPECT_EQ(text.find("x-kubernetes-validations"), std::string::npos) << entry.path() << ": CEL needs 1.25";
  }
  EXPECT_EQ(files, 6);
}

}  // namespace
}  // namespace slash32::agent::model
