// The table as MRT records: every accepted path once, each with its peer's place.
#include "bgpd/mrt_table.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/bgpd/rib/world.h"

namespace slash32::bgp::test {
namespace {

const mrt::PeerEntry kSelf{.id = kOwnId, .address = IpAddress::v4(0), .asn = kOwnAs};

MrtTable::Peer peer(unsigned n, bool add_path = false) {
  return {.id = n,
          .entry = {.id = RouterId{n}, .address = IpAddress::v4(0xc0000200 + n), .asn = Asn{65000 + n}},
          .add_path = {add_path, false}};
}

/// "subtype prefix-length peer[ id]" of each entry.
std::multiset<std::string> entries_of(const mrt::Bytes& bytes) {
  std::multiset<std::string> out;
  for (ByteReader in{bytes}; !in.empty();) {
    (void)in.bytes(6);
    const auto subtype = in.u16();
    ByteReader body = in.sub(in.u32());
    (void)body.u32();
    const auto length = body.u8();
    (void)body.bytes((length + 7U) / 8);
    for (auto count = body.u16(); count > 0; --count) {
      auto text = std::to_string(subtype) + " /" + std::to_string(length) + " " + std::to_string(body.u16());
      (void)body.u32();
      if (subtype == 8 || subtype == 10) text += " " + std::to_string(body.u32());
      (void)body.bytes(body.u16());
      out.insert(text);
    }
    EXPECT_TRUE(body.empty() && !body.failed() && !in.failed());
  }
  return out;
}

std::multiset<std::string> all_of(MrtTable& table, std::size_t count = 1) {
  std::multiset<std::string> out;
  for (auto piece = table.next(count); piece; piece = table.next(count)) out.merge(entries_of(*piece));
  return out;
}

using Entries = std::multiset<std::string>;

TEST(MrtTable, TellsAcceptedPathsOfBothFamiliesAndOurOwn) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  w.say(1, announce({"10.1.0.0/16", "127.0.0.0/8"}, route({65001})));  // the second is a martian: refused
  w.say(2, announce({"10.1.0.0/16"}, route({65002})));
  w.say(2, announce({"2001:db8:1::/48"}, route({65002}, "2001:db8::2")));
  LocalRoute own;
  own.prefix = net("10.244.1.0/24");
  w.rib.set_local_routes({own});
  w.settle();
  MrtTable table(w.rib, kSelf, {peer(1), peer(2)}, {});
  EXPECT_EQ(all_of(table), (Entries{"2 /16 1", "2 /16 2", "2 /24 0", "4 /48 2"}));
}

TEST(MrtTable, PathsOfWhoCameAfterTheBeginningAreLeftOut) {
  World w;
  w.up(1, ebgp(1));
  MrtTable table(w.rib, kSelf, {peer(1)}, {});
  w.up(2, ebgp(2));
  for (const PeerId id : {1U, 2U}) w.say(id, announce({"10.1.0.0/16"}, route({65000 + id})));
  w.settle();
  EXPECT_EQ(all_of(table), Entries{"2 /16 1"});
}

TEST(MrtTable, PathIdentifiersStandWhereTheSessionHasThem) {
  World w;
  w.up(1, ebgp(1));
  w.up(2, ebgp(2));
  auto said = announce({"10.1.0.0/16"}, route({65001}));
  said.announced.front().path_ids = {0};
  w.say(1, said);
  said.announced.front().path_ids = {7};
  w.say(1, said);
  w.say(2, announce({"10.1.0.0/16"}, route({65002})));
  w.settle();
  MrtTable table(w.rib, kSelf, {peer(1, true), peer(2)}, {});
  EXPECT_EQ(all_of(table), (Entries{"8 /16 1 0", "8 /16 1 7", "2 /16 2"}));
}

TEST(MrtTable, APieceLooksAtNoMorePlacesThanAsked) {
  World w;
  w.up(1, ebgp(1));
  std::vector<std::string> prefixes;
  for (int i = 0; i < 100; ++i) prefixes.push_back("10." + std::to_string(i) + ".0.0/16");
  w.say(1, announce(prefixes, route({65001})));
  w.settle();
  MrtTable table(w.rib, kSelf, {peer(1)}, {});
  std::size_t found = 0;
  while (const auto piece = table.next(10)) {
    const auto some = entries_of(*piece).size();
    EXPECT_LE(some, 10U);
    found += some;
  }
  EXPECT_EQ(found, 100U);
}

}  // namespace
}  // namespace slash32::bgp::test
