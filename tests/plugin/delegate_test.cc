// CNI spec 1.1.0 section 4, with plugins that are shell scripts.
#include "plugin/delegate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {
bool sees_the_end_only = false;
}

/// In libc's place, for this program. It can make true what a race makes true now and then: of two descriptors the
/// second one, the process that has ended, is seen, and the first one, its output, is not yet.
extern "C" int poll(pollfd* fds, nfds_t count, int timeout) {
  const nfds_t hidden = sees_the_end_only && count == 2 ? 1 : 0;
  if (hidden != 0) fds[0].revents = 0;
  const timespec limit{.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1'000'000L};
  return static_cast<int>(
      ::syscall(SYS_ppoll, fds + hidden, count - hidden, timeout < 0 ? nullptr : &limit, nullptr, 0));
}

namespace slash32::plugin {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class RunDelegate : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "delegate-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  Delegate script(const std::string& body, const std::string& config = "{}") {
    std::ofstream(directory_ / "plug") << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(directory_ / "plug", std::filesystem::perms::owner_all);
    return {.type = "plug", .path = {directory_ / "missing", directory_}, .config = config};
  }
  std::filesystem::path directory_;
};

TEST_F(RunDelegate, HandsOverConfigurationAndVerbAndReturnsItsOutput) {
  const std::string config(200'000, ' ');  // more than a pipe holds
  EXPECT_EQ(run_delegate(script("echo $CNI_COMMAND; wc -c", config), cni::Command::Check, {10s}).value(),
            "CHECK\n200000\n");
}

TEST_F(RunDelegate, KeepsTheErrorItPrinted) {
  const auto got =
      run_delegate(script(R"(echo '{"code": 11, "msg": "wait", "details": "d"}'; exit 1)"), cni::Command::Add, {10s});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), (Error{11, "plug ADD: wait", "d"}));
}

TEST_F(RunDelegate, SaysHowAPluginEndedThatPrintedNoError) {
  EXPECT_THAT(run_delegate(script("echo oops; exit 3"), cni::Command::Add, {10s}).error().message,
              HasSubstr("exited with status 3"));
  EXPECT_THAT(run_delegate(script("kill -SEGV $$"), cni::Command::Add, {10s}).error().message,
              HasSubstr("killed by signal 11"));
}

TEST_F(RunDelegate, KillsOneThatTakesTooLongWithAllItStarted) {
  const auto marker = directory_ / "marker";
  const auto got =
      run_delegate(script("(sleep 60; touch " + marker.string() + ") & sleep 60"), cni::Command::Add, {200ms});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, 11);
  EXPECT_THAT(got.error().message, HasSubstr("waiting for plug ADD"));
}

TEST_F(RunDelegate, DoesNotWaitForAGrandchildThatKeepsItsOutputOpen) {
  const auto begin = std::chrono::steady_clock::now();
  // Its standard error is the test's own: held open, whoever waits for the test's output would wait for it.
  const auto told = run_delegate(script("sleep 30 2>/dev/null & echo $!"), cni::Command::Add, {20s});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  ASSERT_TRUE(told) << told.error().message;
  const pid_t grandchild = std::stoi(*told);
  EXPECT_EQ(::kill(grandchild, SIGKILL), 0) << "it was to be left alone";
}

TEST_F(RunDelegate, ReadsWhatWasPrintedBetweenTheLastLookAtThePipeAndTheEnd) {
  sees_the_end_only = true;
  const auto told = run_delegate(script("echo first; echo last"), cni::Command::Add, {20s});
  sees_the_end_only = false;
  EXPECT_EQ(told.value_or("nothing"), "first\nlast\n");
}

TEST_F(RunDelegate, RefusesEndlessOutput) {
  EXPECT_THAT(run_delegate(script("yes"), cni::Command::Add, {20s}).error().message, HasSubstr("more than a result"));
}

TEST_F(RunDelegate, TakesTheFirstRegularFileOfThePath) {
  std::filesystem::create_directories(directory_ / "a" / "plug");
  const auto delegate = script("echo found");
  EXPECT_EQ(find_plugin("plug", {directory_ / "a", directory_}).value(), directory_ / "plug");
  const auto missing = find_plugin("nope", {directory_});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, 7);
  EXPECT_THAT(missing.error().message, HasSubstr(directory_.string()));
}

}  // namespace
}  // namespace slash32::plugin
