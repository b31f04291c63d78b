// Who may call: ranges with keys. Over the loopback; the listeners' keys are only noted down.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "bgpd/neighbors.h"
#include "bgpd/transport/listener.h"
#include "bgpd/wire/update.h"
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
                                         if (takes_no_key_) return fail(5, "no memory for keys");
                                         keys_[peer] = key;
                                         key_calls_.push_back(key);
                                         return ok();
                                       }},
                       std::nullopt);
  }
  ~NeighborsTest() override { std::filesystem::remove_all(folder_); }

  config::NeighborConf& settings() { return conf_.dynamic_neighbors[0].settings; }
  void add_static(const std::string& password_file) {
    auto& one = conf_.neighbors.emplace_back();
    one.name = "tor1";
    one.address = IpAddress::v4(0x7F000008);
    one.remote_as.asn = Asn{65002};
    one.passive = true;
    one.password_file = password_file;
  }
  void configure() { neighbors_->configure(conf_, RouterId{1}); }
  /// One connection from the loopback, as the listener hands it out.
  void call() {
    auto listener = bind_listener({kHere, 0});
    ASSERT_TRUE(listener);
    ASSERT_TRUE(start_listening(listener->get(), {kHere, 0}));
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
  std::vector<std::string> key_calls_;
  bool takes_no_key_ = false;
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

TEST_F(NeighborsTest, ANeighborThatIsResetKeepsItsKeyOnTheListeners) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  conf_.neighbors[0].hold_time = Seconds{30};
  configure();
  EXPECT_EQ(key_calls_, (std::vector<std::string>{"secret", "secret"})) << "for a moment anybody could have called";
  conf_.neighbors.clear();
  configure();
  EXPECT_EQ(key_calls_.back(), "");
}

TEST_F(NeighborsTest, AKeyThatANewListenerDoesNotTakeHoldsTheSession) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "secret"));
  add_static(folder_ + "/key");
  configure();
  ASSERT_EQ(neighbors_->all().begin()->second->held, "");
  takes_no_key_ = true;
  configure();
  EXPECT_EQ(neighbors_->all().begin()->second->held, "no memory for keys");
}

TEST_F(NeighborsTest, TheKeysForANewListenerAreThoseOfTheFilesOrElseTheOnesInUse) {
  ASSERT_TRUE(write_atomic(folder_ + "/key", "old"));
  ASSERT_TRUE(write_atomic(folder_ + "/long", std::string(81, 'x')));
  settings().password_file = folder_ + "/key";
  add_static(folder_ + "/key");
  configure();
  const auto range = conf_.dynamic_neighbors[0].range, host = Prefix::host(conf_.neighbors[0].address);
  ASSERT_TRUE(write_atomic(folder_ + "/key", "new"));
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "new"}, {host, "new"}}));
  std::filesystem::remove(folder_ + "/key");
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "old"}, {host, "old"}}));
  conf_.neighbors[0].address = IpAddress::v4(0x7F000009);
  conf_.neighbors[0].password_file = folder_ + "/long";
  EXPECT_EQ(neighbors_->listen_keys(conf_), (ListenKeys{{range, "old"}})) << "who has no key is held";
}

TEST_F(NeighborsTest, ADynamicNeighborThatSentTooManyPrefixesRests) {
  settings().max_prefixes.in = 1;
  configure();
  auto listener = Listener::open(loop_, {kHere, 0}, [&](UniqueFd fd, const Endpoint& remote, const Endpoint&) {
    neighbors_->accepted(std::move(fd), remote);
  });
  ASSERT_TRUE(listener);
  auto theirs = conf_;
  theirs.local_as = Asn{65002};
  auto them = settings();
  them.remote_as.asn = Asn{65001};
  them.passive = false;
  PathAttributes attributes;
  attributes.as_path.segments = {{SegmentType::AsSequence, {Asn{65002}}}};
  attributes.next_hop = *IpAddress::parse("10.0.0.1");
  const auto block = encode_attribute_block(attributes, AddressFamily::IPv4, {});
  ASSERT_TRUE(block);
  int downs = 0;
  std::optional<NeighborSession> client;
  bool sent = false;
  client.emplace(loop_, peer_settings(theirs, them, RouterId{2}), *listener->bound(), SocketOptions{},
                 SessionEvents{.up = [&](const Session&, const IpAddress&) { loop_.post([&] { client->pull(); }); },
                               .down =
                                   [&](const act::SessionDown&) {
                                     ++downs;
                                     loop_.post([&] {  // behind what the other side still had to do
                                       ASSERT_EQ(neighbors_->all().size(), 1U) << "forgotten, and free to call again";
                                       const auto& resting = *neighbors_->all().begin()->second;
                                       EXPECT_NE(resting.held.find("maxPrefixes.in"), std::string::npos);
                                       call();
                                       EXPECT_EQ(neighbors_->all().size(), 1U);
                                       client.reset();
                                       neighbors_.reset();
                                       listener = fail(1, "done");
                                     });
                                   },
                               .stale_expired = [](const auto&) {},
                               .update = [](const Update&) {},
                               .refresh = [](AddressFamily) {},
                               .output =
                                   [&](std::size_t) {
                                     SessionEvents::Output out;
                                     if (std::exchange(sent, true)) return out;
                                     const std::vector many{*Prefix::parse("10.1.0.0/24", true),
                                                            *Prefix::parse("10.2.0.0/24", true)};
                                     EXPECT_TRUE(encode_announcements(*block, many, 4096, out.bytes));
                                     out.messages = 1;
                                     return out;
                                   }});
  client->start();
  loop_.run();
  EXPECT_EQ(downs, 1);
}

}  // namespace
}  // namespace slash32::bgp
