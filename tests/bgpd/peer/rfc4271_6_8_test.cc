// RFC 4271 section 6.8: collisions, in every order in which the messages of a simultaneous open can arrive.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/bgpd/peer/world.h"

namespace slash32::bgp {
namespace {

using testing::settings_of;
using testing::World;

/// Plays one schedule. `prefix` chooses the first steps, chance the rest.
World play(const std::vector<std::size_t>& prefix, std::uint32_t seed, std::uint32_t id_a, std::uint32_t id_b) {
  World w{settings_of(65001, id_a, 65002), settings_of(65002, id_b, 65001)};
  auto rng = std::make_shared<std::mt19937>(seed);
  auto at = std::make_shared<std::size_t>(0);
  w.choose = [prefix, rng, at](std::size_t ready) { return *at < prefix.size() ? prefix[(*at)++] : (*rng)() % ready; };
  w.start();
  w.settle();
  return w;
}

std::string named(const std::vector<std::size_t>& prefix, std::uint32_t seed) {
  std::string out = "seed " + std::to_string(seed) + ", schedule";
  for (const std::size_t step : prefix) out += " " + std::to_string(step);
  return out;
}

struct Ids {
  const char* name;
  std::uint32_t a, b;
};
class Rfc4271_6_8 : public ::testing::TestWithParam<Ids> {};

/// Every schedule of the first five steps (with up to four queues ready at a time), the rest by chance.
TEST_P(Rfc4271_6_8, EveryInterleavingEndsInOneSharedConnection) {
  int at_once = 0;
  int played = 0;
  for (std::uint32_t code = 0; code < 1024; ++code) {
    std::vector<std::size_t> prefix;
    for (std::uint32_t c = code, i = 0; i < 5; ++i, c /= 4) prefix.push_back(c % 4);
    SCOPED_TRACE(named(prefix, code));
    World w = play(prefix, code, GetParam().a, GetParam().b);
    ASSERT_FALSE(w.stuck);
    ++played;
    if (w.one_shared_connection() && w.a().downs.empty() && w.b().downs.empty()) ++at_once;
    w.run_for(Seconds{20});
    ASSERT_TRUE(w.one_shared_connection());
    ASSERT_LE(w.a().downs.size(), 1U);
    ASSERT_LE(w.b().downs.size(), 1U);
  }
  // Where one side believes a connection to be Established while the other still takes both for new, both may go (the
  // RFC's rule cannot avoid it); the next attempt settles it. That must stay rare.
  RecordProperty("settled_at_once", at_once);
  EXPECT_GE(at_once, played * 95 / 100) << at_once << " of " << played;
}

INSTANTIATE_TEST_SUITE_P(Identifiers, Rfc4271_6_8,
                         ::testing::Values(Ids{"ours_lower", 1, 2}, Ids{"ours_higher", 2, 1}, Ids{"equal", 5, 5}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST(Rfc4271_6_8, ASilentConnectionThatWonIsGivenUpSoon) {
  // The peer has the higher identifier, so its connection wins; but it never sends an OPEN there.
  Peer peer{settings_of(65001, 1, 65002), testing::half, nullptr};
  Instant now{Seconds{100}};
  const Actions started = peer.start(now);
  const ConnectionId ours = std::get<act::Connect>(started.at(0)).id;
  (void)peer.on_connected(ours, now);
  const auto [theirs, accepted] = peer.on_accepted(now);
  World other{settings_of(65002, 2, 65001), settings_of(1, 1, 1)};
  const auto [id, sent] = ((void)other.a().peer->start(now), other.a().peer->on_accepted(now));
  const Actions lost = peer.on_bytes(ours, std::get<act::Send>(sent.at(0)).bytes, now);
  EXPECT_TRUE(std::holds_alternative<act::Send>(lost.at(0)));  // Cease/7
  EXPECT_EQ(std::get<act::Close>(lost.at(1)).id, ours);
  ASSERT_TRUE(peer.next_deadline());
  EXPECT_LE(*peer.next_deadline(), now + Seconds{15});
}

TEST(Rfc4271_6_8, WithoutGracefulRestartANewConnectionOfAnEstablishedPeerLoses) {
  PeerSettings a = settings_of(65001, 1, 65002);
  a.graceful_restart = false;
  World w{a, settings_of(65002, 2, 65001)};
  w.start();
  w.run_for(Seconds{30});
  ASSERT_TRUE(w.one_shared_connection());
  // The same peer once more, as a second process of it would look.
  World again{settings_of(65002, 2, 65001), settings_of(1, 1, 1)};
  const auto [id, greeting] = w.a().peer->on_accepted(w.now);
  (void)again.a().peer->start(w.now);
  const auto [other, open] = again.a().peer->on_accepted(w.now);
  const Actions answer = w.a().peer->on_bytes(id, std::get<act::Send>(open.at(0)).bytes, w.now);
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(w.a().peer->status().last_sent, (Notification{6, 7, {}}));
  EXPECT_EQ(std::get<act::Close>(answer.at(1)).id, id);
  EXPECT_TRUE(w.one_shared_connection());
}

TEST(Rfc4271_6_8, ANewerConnectionOfThePeerReplacesAnUnfinishedOne) {
  Peer peer{settings_of(65001, 1, 65002), testing::half, nullptr};
  const Instant now{Seconds{100}};
  (void)peer.start(now);
  const auto [first, a] = peer.on_accepted(now);
  const auto [second, b] = peer.on_accepted(now);
  EXPECT_NE(first, second);
  bool closed = false;
  for (const Action& action : b)
    if (const auto* c = std::get_if<act::Close>(&action)) closed = closed || c->id == first;
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace slash32::bgp
