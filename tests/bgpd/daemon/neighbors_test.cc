// Who may call: ranges with keys. Over the loopback; the listeners' keys are only noted down.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "bgpd/neighbors.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

const IpAddress kHere = IpAddress::v4(0x7F000001);

class NeighborsTest : public testing::Test {
 protected:
  NeighborsTest() {
    char name[] = "/tmp/slash32-neighbors-XXXXXX";
    if (::mkdtemp(name) != nullptr) folder_ = name;
    conf_.local_as = Asn{65001};
    config::DynamicNeighborConf range{.range = *Prefix::parse("127.0.0.0/8", true), .settings = {}};
    range.settings.name = "pods";
    range.settings.remote_as.asn = Asn{65002};
    range.settings.passive = true;
    conf_.dynamic_neighbors = {range};
    rib_.emplace(rib_settings(conf_, RouterId{1}), [](const IpAddress&) { return NextHopState{}; });
    neighbors_.emplace(Neighbors::Deps{.loop = &loop_,
                                       .rib = &*rib_,
                                       .watch = &*watch_,
                                       .clocks = &clocks_,
                                       .work = [] {},
                                       .set_listen_key = [this](const Prefix& peer, const std::string& key) -> Status {
                                         keys_[peer] = key;
                                         return ok();
                                       }},
                       std::nullopt);
  }
  ~NeighborsTest() override { std::filesystem::remove_all(folder_); }

  config::NeighborConf& settings() { return conf_.dynamic_neighbors[0].settings; }
  void configure() { neighbors_->configure(conf_, RouterId{1}); }
  /// One connection from the loopback, as the listener hands it out.
  void call() {
    auto listener = open_listener({kHere, 0});
    ASSERT_TRUE(listener);
    auto client = begin_connect(*local_endpoint(listener->get()), {});
    ASSERT_TRUE(client);
    UniqueFd fd{::accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK)};
    ASSERT_TRUE(fd);
    neighbors_->accepted(std::move(fd), {kHere, 40000});
  }

  Loop loop_;
  Result<KernelWatch> watch_ = KernelWatch::open(TableId{254});
  StartClocks clocks_{false, Seconds{120}, {}};
  config::BgpdConf conf_;
  std::string folder_;
  std::map<Prefix, std::string> keys_;
  std::optional<Rib> rib_;
  std::optional<Neighbors> neighbors_;
};

TEST_F(NeighborsTest, ARangeWhosePasswordFileIsMissingAcceptsNobodyUntilItIsThere) {
  settings().password_file = folder_ + "/key";
  configure();
  ASSERT_EQ(neighbors_->held_ranges().size(), 1U);
  EXPECT_NE(neighbors_->held_ranges().begin()->second.find("passwordFile"), std::string::npos);
  call();
  EXPECT_TRUE(neighbors_->all().empty()) << "accepted without a key";

  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret\n"));
  LoopTimer look(loop_);  // the range looks again on its own
  std::function<void()> until_free = [&] {
    if (!neighbors_->held_ranges().empty()) return look.after(Milliseconds{20}, until_free);
    EXPECT_EQ(keys_[conf_.dynamic_neighbors[0].range], "secret");
    call();
    EXPECT_EQ(neighbors_->all().size(), 1U);
    loop_.post([&] { neighbors_.reset(); });
  };
  until_free();
  loop_.run();
}

TEST_F(NeighborsTest, TheKeyOfARangeGoesFromTheListenersWithItsPasswordFileOrTheRange) {
  const auto range = conf_.dynamic_neighbors[0].range;
  settings().password_file = folder_ + "/key";
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  configure();
  EXPECT_EQ(keys_[range], "secret");
  settings().password_file.reset();
  configure();
  EXPECT_EQ(keys_[range], "");
  settings().password_file = folder_ + "/key";
  configure();
  EXPECT_EQ(keys_[range], "secret");
  conf_.dynamic_neighbors.clear();
  configure();
  EXPECT_EQ(keys_[range], "");
}

}  // namespace
}  // namespace slash32::bgp
