// Two engines, a network between them that delays, loses and, where asked, reorders, and a clock turned by hand. Seeded
// chance only. Packets have no sequence number without authentication (RFC 5880 section 4.1): a Down that is overtaken
// by the Init after it ends a session that has just come up, so a test reorders when the handshake is over.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "bgpd/bfd/engine.h"

namespace slash32::bfd::testing {

struct Line {
  double loss = 0;
  Duration least{std::chrono::microseconds{100}};
  Duration most{std::chrono::milliseconds{2}};
  bool reorders = false;
  bool cut = false;
  Instant last{};  // when the latest packet arrives
};

class Network {
 public:
  explicit Network(unsigned seed, const Settings& a, const Settings& b) : chance_(seed), seed_(seed) {
    for (int side = 0; side < 2; ++side) {
      engines_[side] = std::make_unique<Engine>([this] { return static_cast<std::uint32_t>(chance_()); });
      sessions_[side] = *engines_[side]->add(path(side), side == 0 ? a : b, now);
    }
  }

  Instant now{Instant{} + std::chrono::hours{1}};
  std::array<Line, 2> lines;      // from side 0, from side 1
  std::array<bool, 2> stopped{};  // its process neither reads nor sends
  std::array<std::vector<std::pair<Instant, StateChange>>, 2> changes;

  const Session& session(int side) const { return *engines_.at(side)->find(sessions_.at(side)); }
  void configure(int side, const Settings& settings) {
    ASSERT_TRUE(engines_.at(side)->configure(sessions_.at(side), settings, now));
    collect(side);
  }
  bool both_up() const { return session(0).state() == State::Up && session(1).state() == State::Up; }
  /// Runs until both are up, with a little to spare for Polls; false: not within `limit`.
  bool come_up(Duration limit = std::chrono::seconds{60}) {
    const Instant end = now + limit;
    while (now < end) {
      run(std::chrono::milliseconds{500});
      if (both_up()) return true;
    }
    return false;
  }
  int failures() const {
    int count = 0;
    for (const auto& side : changes)
      for (const auto& [when, change] : side) count += is_failure(change) ? 1 : 0;
    return count;
  }
  unsigned seed() const { return seed_; }

  void run(Duration time) {
    const Instant end = now + time;
    for (;;) {
      Instant next = end;
      if (!flying_.empty()) next = std::min(next, flying_.begin()->first);
      for (int side = 0; side < 2; ++side)
        if (!stopped.at(side)) next = std::min(next, engines_.at(side)->deadline().value_or(end));
      now = std::max(now, next);
      step();
      if (next >= end) return;
    }
  }

 private:
  struct Flight {
    int to;
    std::array<std::uint8_t, kPacketSize> bytes;
  };

  static Path path(int side) { return {IpAddress::v4(side == 0 ? 2 : 1), {}, IfIndex{}, false}; }

  void step() {  // what has come, then what is due
    while (!flying_.empty() && flying_.begin()->first <= now) {
      const Flight flight = flying_.begin()->second;
      flying_.erase(flying_.begin());
      if (stopped.at(flight.to)) continue;
      // A late packet for a session that has begun anew may be discarded.
      (void)engines_.at(flight.to)->receive(path(flight.to), flight.bytes, now);
      collect(flight.to);
    }
    for (int side = 0; side < 2; ++side) {
      if (stopped.at(side)) continue;
      engines_.at(side)->advance(now);
      collect(side);
    }
  }

  void collect(int side) {
    Engine& engine = *engines_.at(side);
    Line& line = lines.at(side);
    for (const auto& packet : engine.packets()) {
      if (line.cut || std::uniform_real_distribution<>(0, 1)(chance_) < line.loss) continue;
      const auto delay = std::uniform_int_distribution<Duration::rep>(line.least.count(), line.most.count())(chance_);
      const Instant arrives = line.reorders ? now + Duration{delay} : std::max(line.last, now + Duration{delay});
      line.last = std::max(line.last, arrives);
      flying_.emplace(arrives, Flight{1 - side, packet.bytes});
    }
    for (const auto& change : engine.changes()) changes.at(side).emplace_back(now, change.change);
    engine.clear();
  }

  std::mt19937 chance_;
  unsigned seed_;
  std::array<std::unique_ptr<Engine>, 2> engines_;
  std::array<Discriminator, 2> sessions_;
  std::multimap<Instant, Flight> flying_;
};

}  // namespace slash32::bfd::testing
