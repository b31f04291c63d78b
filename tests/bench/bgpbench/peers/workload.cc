// Nothing here is measured; it only must be the same each time.
#include "tests/bench/bgpbench/peers/workload.h"

#include <arpa/inet.h>

#include <algorithm>
#include <unordered_set>

#include "tests/bench/bgpbench/peers/message.h"

namespace bench {
namespace {

struct Share {
  unsigned length;
  unsigned percent;
};
// Roughly what full tables look like.
constexpr Share kLengths4[] = {{24, 60}, {23, 10}, {22, 12}, {21, 5}, {20, 5}, {19, 4}, {18, 2}, {16, 2}};
constexpr Share kLengths6[] = {{48, 50}, {32, 13}, {44, 10}, {40, 9}, {36, 6}, {46, 5}, {29, 4}, {47, 3}};
// Blocks to take them from, as whole ranges of the first 16 bits: nothing that speakers refuse as a martian.
constexpr std::pair<unsigned, unsigned> kBlocks4[] = {{0x0100, 0x09ff}, {0x0b00, 0x63ff}, {0x6500, 0x7eff},
                                                      {0x8000, 0xa8ff}, {0xad00, 0xbfff}, {0xc200, 0xc5ff},
                                                      {0xc800, 0xcaff}, {0xcc00, 0xdfff}};
constexpr std::pair<unsigned, unsigned> kBlocks6[] = {{0x2400, 0x240f}, {0x2600, 0x260f}, {0x2a00, 0x2a0f}};

unsigned draw_length(std::span<const Share> shares, Random& random) {
  auto at = static_cast<unsigned>(random.below(100));
  for (const Share& share : shares) {
    if (at < share.percent) return share.length;
    at -= share.percent;
  }
  return shares.front().length;
}

std::uint64_t draw_block(std::span<const std::pair<unsigned, unsigned>> blocks, Random& random) {
  const auto& [first, last] = blocks[random.below(blocks.size())];
  return first + random.below(last - first + 1);
}

Key draw_prefix(bool ipv6, Random& random) {
  const unsigned width = ipv6 ? kBits6 : kBits4;
  const unsigned length = ipv6 ? draw_length(kLengths6, random) : draw_length(kLengths4, random);
  const std::uint64_t block = ipv6 ? draw_block(kBlocks6, random) : draw_block(kBlocks4, random);
  const std::uint64_t bits = block << (width - 16) | random.below(std::uint64_t{1} << (width - 16));
  return key_of(bits >> (width - length) << (width - length), length);
}

AttributeSet draw_set(Random& random) {
  AttributeSet set;
  const std::size_t hops = 1 + random.below(5);
  for (std::size_t i = 0; i < hops; ++i)  // no private AS number, and none of the speakers'
    set.path.push_back(
        static_cast<std::uint32_t>(random.below(4) == 0 ? 131072 + random.below(200000) : 1000 + random.below(60000)));
  const std::size_t communities = random.below(6);
  for (std::size_t i = 0; i < communities; ++i)
    set.communities.push_back(static_cast<std::uint32_t>((1000 + random.below(60000)) << 16 | random.below(65536)));
  std::ranges::sort(set.communities);
  set.communities.erase(std::ranges::unique(set.communities).begin(), set.communities.end());
  return set;
}

}  // namespace

Address parse_address(const std::string& text) {
  Address out(16);
  if (::inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  out.resize(4);
  if (::inet_pton(AF_INET, text.c_str(), out.data()) != 1) die("not an address: " + text);
  return out;
}

Address plus(Address base, std::uint32_t number) {
  for (std::size_t i = base.size(); number != 0 && i-- > 0;) {
    number += base[i];
    base[i] = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  return base;
}

Address address_of(Key key, bool ipv6) {
  Address out(ipv6 ? 16 : 4);
  const unsigned width = ipv6 ? kBits6 : kBits4;
  for (unsigned i = 0; i < width / 8; ++i) out[i] = static_cast<std::uint8_t>(key >> 8 >> (width - 8 - i * 8));
  return out;
}

std::string text_of(Key key, bool ipv6) {
  char out[INET6_ADDRSTRLEN] = "";
  (void)::inet_ntop(ipv6 ? AF_INET6 : AF_INET, address_of(key, ipv6).data(), out, sizeof out);
  return std::string{out} + "/" + std::to_string(length_of(key));
}

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

std::uint32_t hash_of(std::span<const std::uint32_t> path, std::span<const std::uint32_t> communities) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::uint32_t asn : path) hash = (hash ^ asn) * 0x100000001b3U + 1;
  std::uint64_t sum = 0;
  for (const std::uint32_t community : communities) sum += Random{community}.next();
  hash = Random{hash ^ sum}.next();
  return static_cast<std::uint32_t>(hash >> 32) | 1;
}

Workload make_shared_workload(const Options& options, const Shares& shares) {
  constexpr std::size_t kOfASet = 10;
  if (shares.each == 0 || shares.peers == 0 || shares.peers % shares.paths != 0)
    die("each= and peers= must not be 0, and peers= a multiple of paths=");
  Workload out;
  out.ipv6 = options.number("family") == 6;
  Random random{options.number("seed")};
  std::unordered_set<Key> seen;
  std::vector<Key> own;
  for (std::size_t peer = 0; peer < shares.peers; ++peer) {
    if (peer % shares.paths == 0) own.clear();
    while (own.size() < shares.each)
      if (const Key key = draw_prefix(out.ipv6, random); seen.insert(key).second) own.push_back(key);
    const Key tag = shares.paths > 1 && peer % 2 == 0 ? kOddPath : 0;  // numbers begin at 1
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (i % kOfASet == 0) out.sets.push_back(draw_set(random));
      out.sets.back().local_pref = shares.local_pref;
      out.prefixes.push_back(own[i] | tag);
      out.set_of.push_back(static_cast<std::uint32_t>(out.sets.size() - 1));
    }
  }
  return out;
}

Workload make_workload(const Options& options) {
  Workload out;
  out.ipv6 = options.number("family") == 6;
  const std::size_t count = options.number("prefixes");
  const std::size_t sets = options.number("sets");
  if (sets == 0 || sets > count) die("sets= must be between 1 and prefixes=");
  Random random{options.number("seed")};
  std::unordered_set<Key> seen;
  seen.reserve(count);
  while (out.prefixes.size() < count)
    if (const Key key = draw_prefix(out.ipv6, random); seen.insert(key).second) out.prefixes.push_back(key);
  for (std::size_t i = 0; i < sets; ++i) out.sets.push_back(draw_set(random));
  // Sets of unequal size: every set has one prefix, the others fall where they fall.
  for (std::size_t i = 0; i < count; ++i)
    out.set_of.push_back(static_cast<std::uint32_t>(i < sets ? i : random.below(sets)));
  std::ranges::sort(out.set_of);
  return out;
}

Stream announcements(const Workload& workload, std::size_t from, std::size_t to, std::uint32_t asn,
                     const Address& next_hop) {
  Stream out;
  for (std::size_t i = from; i < to;) {
    std::size_t end = i;
    while (end < to && workload.set_of[end] == workload.set_of[i]) ++end;
    const auto prefixes = std::span{workload.prefixes}.subspan(i, end - i);
    put_announcements(workload.ipv6, workload.sets[workload.set_of[i]], asn, next_hop, prefixes, out);
    i = end;
  }
  return out;
}

Stream withdrawals(const Workload& workload, std::size_t from, std::size_t to) {
  std::vector<Key> order(workload.prefixes.begin() + static_cast<std::ptrdiff_t>(from),
                         workload.prefixes.begin() + static_cast<std::ptrdiff_t>(to));
  Random random{order.size()};
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Stream out;
  put_withdrawals(workload.ipv6, order, out);
  return out;
}

}  // namespace bench
