// Losses are carried out in order, by another thread, while who orders them goes on and who writes routes waits.
#include "bgpd/fib/loss_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <utility>
#include <vector>

namespace slash32::bgp {
namespace {

using testing::ElementsAre;

FibNextHop hop(std::uint32_t n) { return {IpAddress::v4(0x0a000000 + n), IfIndex{2}}; }
using Loss = std::pair<FibNextHop, std::uint64_t>;

/// A kernel that answers when it is told to.
struct LossThreadTest : testing::Test {
  void carry_out(const FibNextHop& next_hop, std::uint64_t number) {
    begun.set_value();
    may_answer.get_future().wait();
    done.emplace_back(next_hop, number);
  }
  std::promise<void> begun, may_answer;
  std::vector<Loss> done;
};

TEST(LossThread, CarriesOutEachInOrderWithItsNumber) {
  std::vector<Loss> done;
  LossThread losses([&](const FibNextHop& next_hop, std::uint64_t number) { done.emplace_back(next_hop, number); });
  EXPECT_EQ(losses.ordered(), 0U);
  for (const std::uint32_t n : {7U, 5U, 7U}) losses.order(hop(n));
  EXPECT_EQ(losses.ordered(), 3U);
  losses.wait_until_idle();
  EXPECT_THAT(done, ElementsAre(Loss{hop(7), 1}, Loss{hop(5), 2}, Loss{hop(7), 3}));
}

TEST_F(LossThreadTest, LetsWhoOrdersGoOnWhileTheKernelIsBusy) {
  LossThread losses([this](const FibNextHop& next_hop, std::uint64_t number) { carry_out(next_hop, number); });
  losses.order(hop(1));
  begun.get_future().wait();  // it would hang here, and in order(), if it were this thread's work
  EXPECT_FALSE(losses.is_idle());
  may_answer.set_value();
  losses.wait_until_idle();
  EXPECT_TRUE(losses.is_idle());
  EXPECT_THAT(done, ElementsAre(Loss{hop(1), 1}));
}

TEST_F(LossThreadTest, HoldsWhoWritesRoutesUntilTheOneInHandIsDone) {
  LossThread losses([this](const FibNextHop& next_hop, std::uint64_t number) { carry_out(next_hop, number); });
  losses.order(hop(1));
  begun.get_future().wait();
  auto writer = std::async(std::launch::async, [&] {
    losses.wait_until_idle();
    return done.size();
  });
  may_answer.set_value();
  EXPECT_EQ(writer.get(), 1U);
}

TEST(LossThread, CarriesOutWhatWasOrderedBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    LossThread losses([&](const FibNextHop&, std::uint64_t) { ++done; });
    for (std::uint32_t n = 0; n < 100; ++n) losses.order(hop(n));
  }
  EXPECT_EQ(done, 100);
}

TEST(LossThread, LeavesSignalsToTheOthers) {
  sigset_t blocked;
  sigemptyset(&blocked);
  LossThread losses([&](const FibNextHop&, std::uint64_t) { ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked); });
  losses.order(hop(1));
  losses.wait_until_idle();
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 1);
  EXPECT_EQ(sigismember(&blocked, SIGHUP), 1);
  sigset_t ours;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &ours);
  EXPECT_EQ(sigismember(&ours, SIGTERM), 0);
}

}  // namespace
}  // namespace slash32::bgp
