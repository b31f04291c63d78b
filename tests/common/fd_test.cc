// common/fd.h: reading whole files, and what only looks like one.
#include "common/fd.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace slash32 {
namespace {

class ReadFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "slash32-fd-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  static void expect_complaint(const Result<std::string>& got, const std::string& says) {
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().message.find(says), std::string::npos) << got.error().message;
  }
  std::filesystem::path directory_;
};

TEST_F(ReadFile, NeitherWaitsForAFifoNorReadsADevice) {
  const auto fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_complaint(read_file(fifo), "fifo is not a regular file");
  const auto link = directory_ / "link";
  std::filesystem::create_symlink("/dev/zero", link);
  expect_complaint(read_file(link), "link is not a regular file");
  expect_complaint(read_file(directory_), "is not a regular file");
}

TEST_F(ReadFile, EndsAtItsLimitAndNamesIt) {
  const auto file = directory_ / "file";
  ASSERT_TRUE(write_atomic(file, "12345"));
  EXPECT_EQ(read_file(file, 5).value(), "12345");
  expect_complaint(read_file(file, 4), "is larger than the limit of 4 bytes");
}

TEST_F(ReadFile, ReadsProcWhereSizesAreZero) {
  EXPECT_EQ(read_file("/proc/sys/kernel/random/boot_id").value().size(), 37U);
}

TEST_F(ReadFile, TellsAMissingFileFromABadOne) {
  EXPECT_EQ(read_file_if_there(directory_ / "none").value(), std::nullopt);
  expect_complaint(read_file(directory_ / "none"), "No such file");
  EXPECT_FALSE(read_file_if_there(directory_ / std::string(300, 'x')));
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

TEST_F(ReadFile, MakesDirectoriesWithTheModeAskedForWhateverTheUmask) {
  for (const mode_t mask : {0U, 077U}) {
    const auto top = directory_ / std::to_string(mask);
    const mode_t before = ::umask(mask);
    const auto made = make_directories(top / "a" / "b");
    ::umask(before);
    ASSERT_TRUE(made) << made.error().message;
    for (const auto& path : {top, top / "a", top / "a" / "b"}) EXPECT_EQ(mode_of(path), 0755U) << path;
  }
}

TEST_F(ReadFile, LeavesADirectoryThatIsThereAsItIs) {
  ASSERT_TRUE(make_directories(directory_ / "private", 0700));
  EXPECT_TRUE(make_directories(directory_ / "private"));
  EXPECT_TRUE(make_directories(directory_ / "private" / "below"));
  EXPECT_EQ(mode_of(directory_ / "private"), 0700U);
}

TEST_F(ReadFile, NamesWhatStandsInTheWayOfADirectory) {
  ASSERT_TRUE(write_atomic(directory_ / "file", "x"));
  const auto made = make_directories(directory_ / "file" / "below");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("Not a directory"), std::string::npos) << made.error().message;
  EXPECT_FALSE(make_directories(directory_ / "file"));
}

}  // namespace
}  // namespace slash32
