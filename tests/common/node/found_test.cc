#include "common/node/found.h"

#include <fcntl.h>

#include <gtest/gtest.h>
#include <sys/file.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/fd.h"

namespace slash32::node {
namespace {

class Found : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "found-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = std::filesystem::path(name) / "state";
  }
  void TearDown() override { std::filesystem::remove_all(directory_.parent_path()); }
  Status record(const Settings& settings) {
    return record_found(directory_, settings, cni::Deadline::in(std::chrono::seconds(10)));
  }
  std::filesystem::path directory_;
};

TEST_F(Found, IsEmptyBeforeTheFirstRecord) { EXPECT_EQ(read_found(directory_).value(), Settings{}); }

TEST_F(Found, KeepsWhatWasRecordedFirst) {
  ASSERT_TRUE(record({{"/proc/a", "0"}}));
  ASSERT_TRUE(record({{"/proc/a", "1"}, {"/proc/b", "2"}}));
  EXPECT_EQ(read_found(directory_).value(), (Settings{{"/proc/a", "0"}, {"/proc/b", "2"}}));
}

TEST_F(Found, IsNotWrittenWhenNothingIsNew) {
  ASSERT_TRUE(record({{"/proc/a", "0"}}));
  const auto before = std::filesystem::last_write_time(directory_ / "found.json");
  ASSERT_TRUE(record({{"/proc/a", "5"}}));
  EXPECT_EQ(std::filesystem::last_write_time(directory_ / "found.json"), before);
}

TEST_F(Found, RemovesWhatAKilledWriterLeft) {
  std::filesystem::create_directories(directory_);
  std::ofstream(directory_ / "found.json.tmp.4711") << "{";
  std::ofstream(directory_ / "foreign.tmp.1") << "{";
  ASSERT_TRUE(record({{"/proc/a", "0"}}));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "found.json.tmp.4711"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "foreign.tmp.1"));
}

TEST_F(Found, RefusesADamagedFileAndLeavesIt) {
  std::filesystem::create_directories(directory_);
  for (const std::string text : {"", "{", "[]", R"({"settings": {"/proc/a": 1}})", R"({"other": {}})"}) {
    std::ofstream(directory_ / "found.json") << text;
    EXPECT_FALSE(read_found(directory_)) << text;
    EXPECT_FALSE(record({{"/proc/b", "2"}})) << text;
    EXPECT_EQ(read_file(directory_ / "found.json").value(), text);
  }
}

TEST_F(Found, IsForgottenTwiceAndWhereItNeverWas) {
  const auto forget = [&] { return forget_found(directory_, cni::Deadline::in(std::chrono::seconds(10))); };
  EXPECT_TRUE(forget());
  EXPECT_FALSE(std::filesystem::exists(directory_)) << "it makes no directory to remove a file from";
  ASSERT_TRUE(record({{"/proc/a", "0"}}));
  EXPECT_TRUE(forget());
  EXPECT_TRUE(forget());
  EXPECT_EQ(read_found(directory_).value(), Settings{});
}

TEST_F(Found, SaysWhatItWaitedForWhenAnotherHoldsTheDirectory) {
  ASSERT_TRUE(record({{"/proc/a", "0"}}));
  const UniqueFd fd{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY)};
  ASSERT_EQ(::flock(fd.get(), LOCK_EX), 0);
  const auto refused = record_found(directory_, {{"/proc/b", "1"}}, cni::Deadline::in(std::chrono::milliseconds(20)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 11);
  EXPECT_NE(refused.error().message.find(directory_.string()), std::string::npos);
}

}  // namespace
}  // namespace slash32::node
