#include "common/pod/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/fd.h"

namespace slash32::pod {
namespace {

class WriteSetting : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::filesystem::path path_ = testing::TempDir() + "setting-" + std::to_string(::getpid());
};

TEST_F(WriteSetting, DoesNotWriteWhatIsThereAlready) {
  std::ofstream(path_) << "0\n";
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(path_, long_ago);
  const auto before = std::filesystem::last_write_time(path_);
  ASSERT_TRUE(write_setting(path_, "0"));
  EXPECT_EQ(std::filesystem::last_write_time(path_), before);
}

TEST_F(WriteSetting, WritesWhatIsNot) {
  std::ofstream(path_) << "0\n";
  ASSERT_TRUE(write_setting(path_, "1"));
  EXPECT_EQ(read_file(path_).value().front(), '1');
}

}  // namespace
}  // namespace slash32::pod
