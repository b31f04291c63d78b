// What is told of a session for the record: states and UPDATEs in the order in which they happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bgpd/wire/header.h"
#include "tests/bgpd/peer/world.h"
#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using testing::hex;
using testing::kNlri;
using testing::kSound;
using testing::message;
using testing::settings_of;
using testing::update;
using testing::World;
using testing::operator+;
using enum PeerState;

struct RecordingTest : ::testing::Test {
  /// "Idle>Connect", or the message's size and its flags.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const auto& one : w.a().recorded) {
      if (const auto* state = std::get_if<act::StateRecorded>(&one))
        out.push_back(std::string(to_string(state->before)) + ">" + std::string(to_string(state->after)));
      else if (const auto* seen = std::get_if<act::MessageRecorded>(&one))
        out.push_back(std::to_string(seen->message.size()) + (seen->four_octet_as ? " as4" : " as2") +
                      (seen->add_path ? " ids" : ""));
    }
    return out;
  }
  void feed(const Bytes& bytes) {
    const auto session = w.a().peer->status().session;
    ASSERT_TRUE(session);
    w.perform(0, w.a().peer->on_bytes(session->connection, bytes, w.now));
  }
  World w{settings_of(65001, 1, 65002), settings_of(65002, 2, 65001)};
};

TEST_F(RecordingTest, NothingIsToldUnlessAsked) {
  w.start();
  w.run_for(Seconds{30});
  EXPECT_TRUE(w.both_established());
  EXPECT_TRUE(w.a().recorded.empty());
}

TEST_F(RecordingTest, EveryStateOnTheWayUpIsToldOnceAndTheLastOneIsEstablished) {
  w.a().peer->set_recording(true);
  w.start();
  w.run_for(Seconds{30});
  PeerState at = Idle;
  for (const auto& one : w.a().recorded) {
    const auto* state = std::get_if<act::StateRecorded>(&one);
    if (state == nullptr) continue;
    EXPECT_EQ(state->before, at) << "no gap";
    EXPECT_NE(state->after, at);
    at = state->after;
  }
  EXPECT_EQ(at, Established);
}

TEST_F(RecordingTest, AnUpdateIsToldAsItCameAlsoWhereItEndsTheSession) {
  w.start();
  w.run_for(Seconds{30});
  w.a().peer->set_recording(true);
  w.a().recorded.clear();
  const Bytes good = message(MessageType::Update, update(kSound, kNlri));
  const Bytes bad = message(MessageType::Update, update({}, hex("21 0a f4 01 00 00")));
  feed(encode_keepalive() + good + bad + good);
  ASSERT_EQ(told().size(), 3U);
  EXPECT_EQ(std::get<act::MessageRecorded>(w.a().recorded[0]).message, good);
  EXPECT_EQ(std::get<act::MessageRecorded>(w.a().recorded[1]).message, bad);
  EXPECT_EQ(told()[2], "Established>Idle");
}

TEST_F(RecordingTest, PathIdentifiersCountWhereTheMessageHasRoutesOfSuchAFamily) {
  auto taker = settings_of(65001, 1, 65002), giver = settings_of(65002, 2, 65001);
  taker.add_path_receive = giver.add_path_send = true;
  w = World{taker, giver};
  w.start();
  w.run_for(Seconds{30});
  w.a().peer->set_recording(true);
  w.a().recorded.clear();
  feed(message(MessageType::Update, update(kSound, hex("00 00 00 01") + kNlri)));
  feed(message(MessageType::Update, update({})));  // End-of-RIB: no route, so nothing is ambiguous
  EXPECT_THAT(told(), ElementsAre("51 as4 ids", "23 as4"));
}

}  // namespace
}  // namespace slash32::bgp
