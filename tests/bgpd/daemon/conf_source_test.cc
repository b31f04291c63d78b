// A configuration that was PUT comes over a restart, as long as nobody changed the file.
#include "bgpd/conf_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "common/fd.h"
#include "common/sha256.h"

namespace slash32::bgp {
namespace {

constexpr const char* kFile = "/etc/slash32/bgpd.json";
const std::string kText = R"({"localAs": 1})";
const std::chrono::sys_seconds kThen{std::chrono::seconds{1000}}, kNow{std::chrono::seconds{2000}};

class ConfSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/slash32-source-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = put_conf_path(folder_ + "/sub/bgpd.state");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void keep(const std::string& text) {
    ASSERT_TRUE(
        write_put_conf(path_, "boot-a", {.file = kFile, .file_sha256 = sha256_hex(kText), .at = kThen, .text = text}));
  }
  StartConf choose(const std::string& text = kText, const std::string& file = kFile,
                   const std::string& boot_id = "boot-a") const {
    auto conf = config::check_bgpd_conf(text).conf;
    conf.state_file = folder_ + "/sub/bgpd.state";
    return choose_start_conf(std::move(conf), file, text, boot_id, kNow);
  }
  std::string folder_, path_;
};

TEST_F(ConfSourceTest, WithoutACopyTheFileIsTaken) {
  const auto start = choose();
  EXPECT_FALSE(start.source.put);
  EXPECT_EQ(start.conf.local_as, Asn{1});
  EXPECT_EQ(start.source.at, kNow);
  EXPECT_EQ(start.source.copy, path_);
  EXPECT_EQ(start.source.sha256, sha256_hex(kText));
  EXPECT_TRUE(start.passed_over.empty());
}

TEST_F(ConfSourceTest, WhatWasPutIsTakenWhileTheFileIsAsItWas) {
  const std::string put = R"({"localAs": 2, "stateFile": "/elsewhere"})";
  keep(put);
  const auto start = choose();
  EXPECT_TRUE(start.source.put);
  EXPECT_EQ(start.conf.local_as, Asn{2});
  EXPECT_EQ(start.source.at, kThen);
  EXPECT_EQ(start.source.sha256, sha256_hex(put));
  EXPECT_EQ(start.source.copy, path_) << "where it is found again, whatever stateFile it has itself";
}

TEST_F(ConfSourceTest, AnotherFileOrAnotherBootWins) {
  keep(R"({"localAs": 2})");
  const auto changed = choose(R"({"localAs": 3})");
  EXPECT_EQ(changed.conf.local_as, Asn{3});
  EXPECT_NE(changed.passed_over.find("another"), std::string::npos);
  EXPECT_FALSE(changed.refused);
  EXPECT_FALSE(choose(kText, "/etc/other.json").source.put);
  EXPECT_FALSE(choose(kText, kFile, "boot-b").source.put);
  EXPECT_FALSE(choose(kText, kFile, "").source.put);
}

TEST_F(ConfSourceTest, OneThatIsNoGoodAnyMoreIsPassedOverAndNamed) {
  keep(R"({"localAs": 2, "later": 1})");
  const auto start = choose();
  EXPECT_EQ(start.conf.local_as, Asn{1});
  EXPECT_TRUE(start.refused);
  EXPECT_NE(start.passed_over.find(path_ + ": /"), std::string::npos) << start.passed_over;
}

TEST_F(ConfSourceTest, ADamagedCopyIsNone) {
  std::filesystem::create_directories(folder_ + "/sub");
  for (const char* text : {"", "{", "[]", R"({"bootId": "boot-a"})",
                           R"({"bootId": "boot-a", "file": "f", "fileSha256": 1, "at": 1, "config": ""})",
                           R"({"bootId": "boot-a", "file": "f", "fileSha256": "", "at": -1, "config": ""})"}) {
    ASSERT_TRUE(write_atomic(path_, text));
    EXPECT_EQ(read_put_conf(path_, "boot-a"), std::nullopt) << text;
  }
  remove_put_conf(path_);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace slash32::bgp
