// Files of the node: written when they differ, whole, and put back when a boot has taken them.
#include "agent/node_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "agent/conflist.h"
#include "common/fd.h"
#include "common/json_field.h"
#include "config/net_conf.h"

namespace slash32::agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class NodeFiles : public testing::Test {
 protected:
  NodeFiles() : directory_(fs::path(testing::TempDir()) / ("slash32-node-files-" + std::to_string(::getpid()))) {
    fs::remove_all(directory_);
    options_.node_file = directory_ / "run/node.json";
    options_.state_dir = directory_ / "lib";
    options_.cni_bin_dir = directory_ / "bin";
  }
  ~NodeFiles() override { fs::remove_all(directory_); }

  static mode_t mode(const fs::path& path) {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
  }
  fs::path directory_;
  Options options_;
};

const std::string kNode = R"({"nodeName":"n1","podCidrs":["10.244.1.0/24"]})";

TEST_F(NodeFiles, AreWrittenOnlyWhenTheyDiffer) {
  EXPECT_EQ(write_if_changed(options_.node_file, "a"), true);
  const auto first = fs::last_write_time(options_.node_file);
  EXPECT_EQ(write_if_changed(options_.node_file, "a"), false);
  EXPECT_EQ(fs::last_write_time(options_.node_file), first);
  EXPECT_EQ(write_if_changed(options_.node_file, "b"), true);
  EXPECT_EQ(read_file(options_.node_file), "b");
}

TEST_F(NodeFiles, TheCopyComesBackWhereNodeJsonIsMissing) {
  EXPECT_EQ(restore_node_file(options_), false) << "there is no copy";
  ASSERT_TRUE(write_if_changed(copy_of_node_file(options_), kNode));
  EXPECT_EQ(restore_node_file(options_), true);
  EXPECT_EQ(read_file(options_.node_file), kNode);
}

TEST_F(NodeFiles, TheCopyNeverOverwrites) {
  ASSERT_TRUE(write_if_changed(copy_of_node_file(options_), kNode));
  ASSERT_TRUE(write_if_changed(options_.node_file, "something else"));
  EXPECT_EQ(restore_node_file(options_), false);
  EXPECT_EQ(read_file(options_.node_file), "something else");
}

TEST_F(NodeFiles, ADamagedCopyIsRefused) {
  ASSERT_TRUE(write_if_changed(copy_of_node_file(options_), kNode.substr(0, 20)));
  const auto restored = restore_node_file(options_);
  ASSERT_FALSE(restored);
  EXPECT_THAT(restored.error().message, HasSubstr("lib/node.json: "));
  EXPECT_FALSE(fs::exists(options_.node_file));
}

TEST_F(NodeFiles, SecretsAreForRootAloneAndOldOnesGo) {
  const auto secrets = directory_ / "secrets";
  ASSERT_EQ(write_secrets({{secrets / "a", "one"}, {secrets / "b", "two"}}), true);
  EXPECT_EQ(mode(secrets), 0700U);
  EXPECT_EQ(mode(secrets / "a"), 0600U);
  EXPECT_EQ(write_secrets({{secrets / "a", "one"}}), false);
  ASSERT_TRUE(sweep_secrets(secrets, {{secrets / "a", "one"}}));
  EXPECT_TRUE(fs::exists(secrets / "a"));
  EXPECT_FALSE(fs::exists(secrets / "b"));
  EXPECT_TRUE(sweep_secrets(directory_ / "none", {}));
}

TEST_F(NodeFiles, SecretsOfADirectoryWrittenWithASlashAtItsEndAreNotSweptAway) {
  const auto secrets = (directory_ / "secrets/").string();
  const std::map<std::string, std::string> wanted = {{secrets + "/a", "one"}};
  ASSERT_EQ(write_secrets(wanted), true);
  ASSERT_TRUE(sweep_secrets(secrets, wanted));
  EXPECT_TRUE(fs::exists(directory_ / "secrets/a"));
}

TEST_F(NodeFiles, PluginsMustBeThereAndRunnable) {
  const auto missing = plugins_in_place(options_);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("bin/slash32: No such file or directory"));
  for (const char* name : {"slash32", "slash32-ipam"})
    ASSERT_TRUE(write_if_changed(options_.cni_bin_dir / name, "x", 0755));
  EXPECT_TRUE(plugins_in_place(options_));
}

TEST_F(NodeFiles, RangesAreKeptOverALife) {
  EXPECT_EQ(read_ranges(options_), std::vector<Prefix>{});
  const auto range = *Prefix::parse("10.244.1.0/24");
  ASSERT_TRUE(write_ranges(options_, {range}));
  EXPECT_EQ(read_ranges(options_), std::vector{range});
}

TEST_F(NodeFiles, DamagedRangesAreAnErrorAndNotNone) {
  for (const char* damaged : {"", "{", "{}", R"(["10.244.1.0/24",)", R"(["10.244.1"])"}) {
    ASSERT_TRUE(write_if_changed(options_.state_dir / "pod-ranges.json", damaged));
    const auto ranges = read_ranges(options_);
    ASSERT_FALSE(ranges) << damaged;
    EXPECT_THAT(ranges.error().message, HasSubstr("lib/pod-ranges.json"));
  }
}

TEST_F(NodeFiles, AnothersNetworkThatSortsBeforeOursIsFound) {
  const auto ours = directory_ / "net.d/10-slash32.conflist";
  EXPECT_EQ(*network_before(ours), std::optional<fs::path>()) << "no directory, no other network";
  for (const char* name : {"10-slash32.conflist", "20-later.conflist", "05-old.conflist.bak", "00-README"})
    ASSERT_TRUE(write_if_changed(directory_ / "net.d" / name, "{}"));
  EXPECT_EQ(*network_before(ours), std::optional<fs::path>());
  for (const char* name : {"10-calico.conflist", "05-cilium.conf"})
    ASSERT_TRUE(write_if_changed(directory_ / "net.d" / name, "{}"));
  EXPECT_EQ(*network_before(ours), std::optional(directory_ / "net.d/05-cilium.conf"));
}

TEST(Conflist, IsWhatThePluginReads) {
  const auto text = conflist_text({.ipam_dir = "/run/slash32/ipam",
                                   .node_file = "/run/slash32/node.json",
                                   .state_dir = "/var/lib/slash32",
                                   .portmap = true});
  const auto document = parse_json(text);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ((*document)["plugins"][1]["type"], "portmap");
  auto ours = (*document)["plugins"][0];
  ours["cniVersion"] = "1.0.0";
  ours["name"] = "slash32";
  const auto read = config::read_net_conf(JsonField(ours), [](const std::string&) { return std::nullopt; });
  EXPECT_TRUE(read) << read.error().message;
}

TEST_F(NodeFiles, WhatWasKnownOfTheKernelComesBackAsItWas) {
  EXPECT_EQ(read_facts(options_), NodeFacts{}) << "there is no file";
  NodeFacts facts;
  facts.ways[AddressFamily::IPv4] = {.gateways = {{.address = *IpAddress::parse("10.0.0.254"), .interface = "eth0"},
                                                  {.address = *IpAddress::parse("10.1.0.254"), .interface = "eth1"}},
                                     .mtu = Mtu{9000}};
  facts.ways[AddressFamily::IPv6] = {};
  ASSERT_TRUE(write_facts(options_, facts));
  EXPECT_EQ(read_facts(options_), facts);
}

TEST_F(NodeFiles, DamagedFactsAreAnErrorWithItsPlace) {
  const auto file = options_.node_file.parent_path() / "node-facts.json";
  ASSERT_TRUE(write_if_changed(file, R"({"IPv4": {"gateways": [{"address": "10.0.0.1"}]}})"));
  EXPECT_THAT(read_facts(options_).error().message,
              HasSubstr("node-facts.json: /IPv4/gateways/0/interface: is missing"));
}

TEST(Conflist, PromisesNoVersionThatAPortmapBesideUsMayNotKnow) {
  const auto versions = [](bool portmap) {
    const auto document =
        parse_json(conflist_text({.ipam_dir = {}, .node_file = {}, .state_dir = {}, .portmap = portmap}));
    return document ? (*document)["cniVersions"] : nlohmann::json();
  };
  EXPECT_EQ(versions(true), nlohmann::json({"0.3.1", "0.4.0", "1.0.0"}));
  EXPECT_EQ(versions(false), nlohmann::json({"0.3.1", "0.4.0", "1.0.0", "1.1.0"}));
}

}  // namespace
}  // namespace slash32::agent
