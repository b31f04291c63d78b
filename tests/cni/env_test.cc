// The real streams: bounded in size and in time.
#include "common/cni/env.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include "common/cni/error.h"
#include "common/fd.h"

namespace slash32::cni {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

TEST(ReadBounded, ReadsToTheEnd) {
  Pipe pipe;
  ASSERT_TRUE(write_all(pipe.write.get(), "{}"));
  pipe.write.reset();
  EXPECT_EQ(read_bounded(pipe.read.get(), 100, Deadline::in(10s)), "{}");
}

TEST(ReadBounded, GivesUpOnAWriterThatNeverEnds) {
  Pipe pipe;
  ASSERT_TRUE(write_all(pipe.write.get(), "{"));
  const auto begin = std::chrono::steady_clock::now();
  const auto got = read_bounded(pipe.read.get(), 100, Deadline::in(50ms));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, kTryAgainLater);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
}

TEST(ReadBounded, RefusesMoreThanItsBound) {
  Pipe pipe;
  ASSERT_TRUE(write_all(pipe.write.get(), std::string(101, ' ')));
  EXPECT_EQ(read_bounded(pipe.read.get(), 100, Deadline::in(10s)).error().code, kDecodingFailure);
}

TEST(ReadBounded, SaysWhatTheSystemSaid) {
  EXPECT_EQ(read_bounded(-1, 100, Deadline::in(20ms)).error().code, kTryAgainLater) << "poll ignores -1";
  const UniqueFd directory{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  EXPECT_EQ(read_bounded(directory.get(), 100, Deadline::in(10s)).error().code, kIoFailure);
}

TEST(OwnNetns, KnowsItself) {
  EXPECT_TRUE(is_own_netns("/proc/self/ns/net"));
  EXPECT_FALSE(is_own_netns("/proc/self/ns/uts"));
  EXPECT_FALSE(is_own_netns("/nowhere"));
}

TEST(DeadlineTest, IsOverWhenAStopSignalComes) {
  ASSERT_EXIT(
      {
        install_stop_signals();
        const auto deadline = Deadline::in(1h);
        if (deadline.over()) ::_exit(1);
        ::raise(SIGTERM);
        const auto status = deadline.check("a test");
        ::_exit(!status && status.error().code == kTryAgainLater ? 0 : 2);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace slash32::cni
