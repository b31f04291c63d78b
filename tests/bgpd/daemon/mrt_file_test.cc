// Records in a file that nobody waits for: whole or not at all, and what is lost is counted.
#include "bgpd/mrt_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>

#include "common/fd.h"

namespace slash32::bgp {
namespace {

namespace fs = std::filesystem;

class MrtFileTest : public testing::Test {
 protected:
  MrtFileTest() {
    std::string pattern = fs::temp_directory_path() / "mrt-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~MrtFileTest() override { fs::remove_all(directory_); }
  std::string path(const std::string& name = "u.mrt") const { return directory_ / name; }
  MrtFile::Settings settings(std::string pattern) const {
    return {.pattern = std::move(pattern), .retry = Milliseconds{20}};
  }
  /// The thread does it in its own time; a minute is for a machine that is busy.
  static bool soon(const std::function<bool()>& condition) {
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1}; !condition();) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
  }
  fs::path directory_;
};

TEST_F(MrtFileTest, RecordsAreAppendedInOrderAndCounted) {
  ASSERT_TRUE(write_atomic(path(), "before ", 0600));
  MrtFile file(settings(path()));
  file.put({'a', 'b'});
  file.put({'c'});
  ASSERT_TRUE(soon([&] { return file.status().written == 2; }));
  EXPECT_EQ(read_file(path()).value(), "before abc");
  EXPECT_EQ(file.status().dropped, 0U);
  EXPECT_EQ(file.status().trouble, "");
}

TEST_F(MrtFileTest, WhatIsQueuedAtTheEndIsWritten) {
  {
    MrtFile file(settings(path()));
    for (int i = 0; i < 1000; ++i) file.put({'x'});
  }
  EXPECT_EQ(read_file(path()).value(), std::string(1000, 'x'));
}

TEST_F(MrtFileTest, WhatFindsNoRoomIsCountedAsDropped) {
  auto small = settings(path());
  small.most_queued = 3;
  MrtFile file(small);
  file.put({1, 2, 3, 4});
  EXPECT_EQ(file.status().dropped, 1U);
  file.put({1});
  EXPECT_TRUE(soon([&] { return file.status().written == 1; }));
}

TEST_F(MrtFileTest, AMissingDirectoryIsTroubleUntilItIsThere) {
  MrtFile file(settings(path("later/u.mrt")));
  ASSERT_TRUE(soon([&] { return !file.status().trouble.empty(); }));
  EXPECT_NE(file.status().trouble.find("later/u.mrt"), std::string::npos);
  file.put({1});
  EXPECT_TRUE(soon([&] { return file.status().dropped == 1; }));
  fs::create_directory(directory_ / "later");
  EXPECT_TRUE(soon([&] { return file.status().trouble.empty(); }));
  file.put({1});
  EXPECT_TRUE(soon([&] { return file.status().written == 1; }));
}

TEST_F(MrtFileTest, APipeIsRefusedAndHoldsUpNobody) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  MrtFile file(settings(path()));
  EXPECT_TRUE(soon([&] { return !file.status().trouble.empty(); }));
}

TEST_F(MrtFileTest, AFileThatAnotherWritesToIsLeftAlone) {
  const UniqueFd other{::open(path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  MrtFile file(settings(path()));
  EXPECT_TRUE(soon([&] { return file.status().trouble.find("another process") == 0; }));
}

TEST_F(MrtFileTest, AFileThatWasTakenAwayIsMadeAgain) {
  MrtFile file(settings(path()));
  file.put({'a'});
  ASSERT_TRUE(soon([&] { return file.status().written == 1; }));
  fs::rename(path(), path("old"));
  file.put({'b'});
  ASSERT_TRUE(soon([&] { return file.status().written == 2; }));
  EXPECT_EQ(read_file(path("old")).value(), "a");
  EXPECT_EQ(read_file(path()).value(), "b");
}

TEST_F(MrtFileTest, WhereTheDiskIsFullNoHalfRecordStays) {
  MrtFile file(settings(path()));
  file.put({'a', 'a'});
  ASSERT_TRUE(soon([&] { return file.status().written == 1; }));
  rlimit before{}, little{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  little = {.rlim_cur = 4, .rlim_max = before.rlim_max};  // as a disk with room for two more octets
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  file.put({'b', 'b', 'b', 'b'});
  const bool dropped = soon([&] { return file.status().dropped == 1; });
  const auto trouble = file.status().trouble;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(dropped);
  EXPECT_NE(trouble, "");
  EXPECT_EQ(read_file(path()).value(), "aa");
  file.put({'c'});
  ASSERT_TRUE(soon([&] { return file.status().written == 2; }));
  EXPECT_EQ(read_file(path()).value(), "aac");
}

TEST_F(MrtFileTest, AFileThatWouldHaveTooMuchIsSetAsideInThePlaceOfTheLastOne) {
  auto bounded = settings(path());
  bounded.rotate_bytes = 4;
  MrtFile file(bounded);
  for (const char c : {'a', 'b', 'c'}) {
    file.put({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c)});
    const auto written = static_cast<std::uint64_t>(c - 'a') + 1;
    ASSERT_TRUE(soon([&] { return file.status().written == written; }));
  }
  EXPECT_EQ(read_file(path()).value(), "ccc");
  EXPECT_EQ(read_file(path("u.mrt.1")).value(), "bbb");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator{}), 2) << "no more than two";
  file.put({'c'});
  ASSERT_TRUE(soon([&] { return file.status().written == 4; }));
  EXPECT_EQ(read_file(path()).value(), "cccc") << "so much is not too much";
}

TEST_F(MrtFileTest, AFileThatCannotBeSetAsideIsTroubleAndKeepsWhatItHas) {
  fs::create_directories(directory_ / "u.mrt.1" / "full");
  auto bounded = settings(path());
  bounded.rotate_bytes = 4;
  MrtFile file(bounded);
  file.put({'a', 'a', 'a'});
  ASSERT_TRUE(soon([&] { return file.status().written == 1; }));
  file.put({'b', 'b'});
  ASSERT_TRUE(soon([&] { return file.status().dropped == 1; }));
  EXPECT_NE(file.status().trouble.find("rename "), std::string::npos) << file.status().trouble;
  EXPECT_EQ(read_file(path()).value(), "aaa");
  fs::remove_all(directory_ / "u.mrt.1");
  file.put({'b', 'b'});
  ASSERT_TRUE(soon([&] { return file.status().written == 2; }));
  EXPECT_EQ(file.status().trouble, "") << "it passes";
  EXPECT_EQ(read_file(path()).value(), "bb");
}

/// No thread can be made while it lives: their stacks would be larger than any address space.
class NoThreads {
 public:
  NoThreads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 60);
    set_ = ::pthread_setattr_default_np(&huge) == 0;
    ::pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  bool set() const { return set_; }

 private:
  pthread_attr_t before_{};
  bool set_ = false;
};

TEST_F(MrtFileTest, WithoutAThreadItSaysSoHoldsUpNobodyAndBeginsWhenThereIsOne) {
  std::optional<MrtFile> file;
  {
    const NoThreads none;
    ASSERT_TRUE(none.set());
    file.emplace(settings(path()));
    EXPECT_NE(file->status().trouble.find("no thread to write with"), std::string::npos) << file->status().trouble;
    for (int i = 0; i < 100; ++i) file->put({'a'});
    EXPECT_EQ(file->status().dropped, 100U);
    EXPECT_EQ(file->status().queued, 0U) << "nobody would ever write it";
    const auto before = std::chrono::steady_clock::now();
    {
      const MrtFile other(settings(path()));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, Seconds{1}) << "its end waits for no thread";
  }
  ASSERT_TRUE(soon([&] {
    file->put({'b'});
    return file->status().written > 0;
  }));
  EXPECT_EQ(file->status().trouble, "");
}

TEST_F(MrtFileTest, ItsNameHasTheTime) {
  {
    auto rotating = settings(path("u.%Y.mrt"));
    rotating.rotate = Seconds{86400};
    MrtFile file(rotating);
    file.put({'a'});
  }
  const auto entry = *fs::directory_iterator(directory_);
  EXPECT_EQ(entry.path().filename().string().substr(0, 4), "u.20");
}

}  // namespace
}  // namespace slash32::bgp
