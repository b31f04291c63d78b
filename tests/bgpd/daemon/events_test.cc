// Readers of events: filters, bounded queues, and what a slow one is told.
#include "bgpd/events.h"

#include <gtest/gtest.h>

namespace slash32::bgp {
namespace {

using enum EventKind;

EventFilter filter(const std::map<std::string, std::string>& query) {
  const auto out = EventFilter::read(query);
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(EventFilter{});
}

std::function<std::string()> line(std::string text) {
  return [text = std::move(text)] { return text; };
}

Prefix net(std::string_view text) { return *Prefix::parse(text); }

TEST(EventFilter, TakesKindsAPrefixOrNothing) {
  EXPECT_EQ(filter({}).kinds.size(), kEventKinds);
  EXPECT_EQ(filter({{"kinds", "route,neighbor,route"}}).kinds, (std::vector{Neighbor, Route}));
  EXPECT_EQ(filter({{"prefix", "10.0.0.0/8"}}).kinds, std::vector{Route});
  EXPECT_EQ(filter({{"prefix", "10.0.0.0/8"}, {"kinds", "error"}}).kinds, std::vector{Error});
}

TEST(EventFilter, RefusesWhatItDoesNotKnowAndSaysWhatThereIs) {
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"kinds", "routes"}, {"prefix", "nonsense"}, {"kind", "route"}, {"kinds ", ""}})
    EXPECT_FALSE(EventFilter::read({{key, value}})) << key << "=" << value;
  EXPECT_FALSE(EventFilter::read({{"kinds", ""}}));
  EXPECT_FALSE(EventFilter::read({{"kinds", "route,"}}));
  EXPECT_NE(EventFilter::read({{"kinds", "x"}}).error().message.find("condition"), std::string::npos);
}

TEST(EventHub, AReaderGetsWhatItsFilterWantsInOrder) {
  EventHub hub;
  const auto all = *hub.open(filter({}));
  const auto inside = *hub.open(filter({{"prefix", "10.0.0.0/8"}}));
  hub.publish(Neighbor, {}, line("n"));
  hub.publish(Route, net("10.1.0.0/16"), line("in"));
  hub.publish(Route, net("11.0.0.0/8"), line("out"));
  EXPECT_EQ(all->take(), "n\nin\nout\n");
  EXPECT_EQ(all->take(), "");
  EXPECT_EQ(inside->take(), "in\n");
}

TEST(EventHub, NothingIsRenderedForNobody) {
  EventHub hub;
  const auto fail_if_called = []() -> std::string {
    ADD_FAILURE();
    return {};
  };
  hub.publish(Route, net("10.0.0.0/8"), fail_if_called);
  const auto reader = *hub.open(filter({{"kinds", "neighbor"}}));
  EXPECT_FALSE(hub.wants(Route));
  hub.publish(Route, net("10.0.0.0/8"), fail_if_called);
  while (!reader->is_full()) hub.publish(Neighbor, {}, line("n"));
  hub.publish(Neighbor, {}, fail_if_called);
}

TEST(EventHub, ASlowReaderLosesEventsAndIsToldHowManyWhereTheyAreMissing) {
  EventHub hub;
  const auto slow = *hub.open(filter({}));
  std::size_t sent = 0;
  for (; sent < EventReader::kMostLines + 5; ++sent) hub.publish(Neighbor, {}, line(std::to_string(sent)));
  std::string got;
  for (auto piece = slow->take(); !piece.empty() && got.size() < 100; piece = slow->take()) got += piece;
  while (!slow->take().empty()) {
  }
  hub.publish(Neighbor, {}, line("after"));
  EXPECT_EQ(slow->take(), "after\n") << "the loss was told behind the last line already";

  for (std::size_t i = 0; i < EventReader::kMostLines + 3; ++i) hub.publish(Neighbor, {}, line("x"));
  std::string all = slow->take();  // a part of it: there is room now, and the loss stands before what comes
  hub.publish(Neighbor, {}, line("next"));
  for (auto piece = slow->take(); !piece.empty(); piece = slow->take()) all += piece;
  EXPECT_NE(all.find("{\"lost\": 3}\nnext\n"), std::string::npos);
}

TEST(EventHub, AQueueIsBoundedInOctetsAsWell) {
  EventHub hub;
  const auto slow = *hub.open(filter({}));
  for (int i = 0; i < 100; ++i) hub.publish(Neighbor, {}, line(std::string(100'000, 'x')));
  std::size_t octets = 0;
  for (auto piece = slow->take(); !piece.empty(); piece = slow->take()) octets += piece.size();
  EXPECT_LT(octets, EventReader::kMostOctets + 200'000);
}

TEST(EventHub, AReaderThatWaitsIsWokenOnceAndAtOnceWhereThereIsSomething) {
  EventHub hub;
  const auto reader = *hub.open(filter({}));
  int woken = 0;
  reader->when_more([&] { ++woken; });
  EXPECT_EQ(woken, 0);
  hub.publish(Neighbor, {}, line("a"));
  hub.publish(Neighbor, {}, line("b"));
  EXPECT_EQ(woken, 1);
  reader->when_more([&] { ++woken; });
  EXPECT_EQ(woken, 2) << "there is something already";
}

TEST(EventHub, ThereAreOnlySoManyReadersAndTheirPlacesComeBack) {
  EventHub hub;
  std::vector<std::shared_ptr<EventReader>> readers;
  for (std::size_t i = 0; i < EventHub::kMostReaders; ++i) readers.push_back(*hub.open(filter({})));
  EXPECT_FALSE(hub.open(filter({})));
  readers.pop_back();
  EXPECT_TRUE(hub.open(filter({})));
  readers.clear();
  EXPECT_FALSE(hub.has_readers());
}

TEST(EventHub, ReadersOfASocketThatOnlyTellsTakeNoPlaceOfTheOthers) {
  EventHub hub;
  std::vector<std::shared_ptr<EventReader>> readers;
  for (std::size_t i = 0; i < EventHub::kMostReaders; ++i) readers.push_back(*hub.open(filter({}), true));
  EXPECT_FALSE(hub.open(filter({}), true));
  const auto operators = hub.open(filter({}));
  ASSERT_TRUE(operators);
  hub.publish(EventKind::Neighbor, {}, [] { return "{}"; });
  EXPECT_FALSE((*operators)->take().empty());
}

}  // namespace
}  // namespace slash32::bgp
