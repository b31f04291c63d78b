// A new `listen` against an old one: what works stays until what replaces it stands.
#include <gtest/gtest.h>

#include "bgpd/listeners.h"
#include "bgpd/transport/loop.h"

namespace slash32::bgp {
namespace {

using Wanted = Listeners::Wanted;

const IpAddress kHere = IpAddress::v4(0x7F000001), kThere = IpAddress::v4(0x7F000002), kAny = IpAddress::v4(0);
const IpAddress kNotOurs = *IpAddress::parse("192.0.2.1");  // RFC 5737: cannot be bound

std::uint16_t free_port() { return local_endpoint(bind_listener({kHere, 0})->get())->port; }

class ListenersTest : public testing::Test {
 protected:
  /// As a reload does it.
  Status change(const Wanted& wanted, const ListenKeys& keys = {}) {
    auto prepared = TRY(listeners_.prepare(now_, wanted, keys));
    listeners_.take(std::move(prepared), wanted);
    now_ = wanted;
    return ok();
  }
  bool answers(const IpAddress& address) const {
    const auto client = begin_connect({address, port_}, {});
    return client && socket_error(client->get()) == 0;
  }

  Loop loop_;
  const std::uint16_t port_ = free_port();
  Wanted now_;
  Listeners listeners_{loop_, [](UniqueFd, const Endpoint&, const Endpoint&) {}};
};

TEST_F(ListenersTest, AnEntryThatCannotBeBoundLeavesTheOldOneAndIsNamed) {
  ASSERT_TRUE(change({{kHere, port_}}));
  const auto refused = change({{kThere, port_}, {kNotOurs, port_}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "/listen/1: listen on 192.0.2.1:" + std::to_string(port_) + ": Cannot assign requested address");
  EXPECT_TRUE(answers(kHere));
  EXPECT_FALSE(answers(kThere)) << "half-changed";
}

TEST_F(ListenersTest, AnotherEntryReplacesTheOldOne) {
  ASSERT_TRUE(change({{kHere, port_}}));
  ASSERT_TRUE(change({{kThere, port_}}));
  EXPECT_FALSE(answers(kHere));
  EXPECT_TRUE(answers(kThere));
}

TEST_F(ListenersTest, EveryAddressCanBecomeOneOfThemAndBack) {
  ASSERT_TRUE(change({{kAny, port_}}));
  const auto narrowed = change({{kHere, port_}});
  ASSERT_TRUE(narrowed) << narrowed.error().message;
  EXPECT_TRUE(answers(kHere));
  EXPECT_FALSE(answers(kThere));
  const auto widened = change({{kAny, port_}});
  ASSERT_TRUE(widened) << widened.error().message;
  EXPECT_TRUE(answers(kThere));
  const auto second = bind_listener({kHere, port_});
  EXPECT_FALSE(second && start_listening(second->get(), {kHere, port_})) << "the port is open to others now";
}

TEST_F(ListenersTest, WhatCouldNotBeOpenedBeforeIsNoReasonToRefuseSomethingElse) {
  now_ = {{kHere, port_}, {kNotOurs, port_}};
  EXPECT_FALSE(listeners_.open_missing(now_, {}));
  ASSERT_EQ(listeners_.problems().size(), 1U);
  EXPECT_TRUE(change({{kHere, port_}, {kNotOurs, port_}, {kThere, port_}}));
  EXPECT_TRUE(answers(kThere));
  EXPECT_EQ(listeners_.problems().size(), 1U) << "still a problem, and told";
  EXPECT_TRUE(change({{kHere, port_}}));
  EXPECT_TRUE(listeners_.problems().empty()) << "nobody wants it any more";
}

TEST_F(ListenersTest, AKeyThatTheNewListenerDoesNotTakeRefusesTheChange) {
  ASSERT_TRUE(change({{kHere, port_}}));
  const auto refused = change({{kThere, port_}}, {{Prefix::host(kHere), TcpKeys{std::string(81, 'x')}}});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("/listen/0: ")) << refused.error().message;
  EXPECT_TRUE(answers(kHere));
}

}  // namespace
}  // namespace slash32::bgp
