// Written for speed on the reading side: one pass, no allocation once the vectors have grown.
#include "tests/bench/bgpbench/peers/message.h"

#include <algorithm>
#include <array>

namespace bench {
namespace {

constexpr std::uint8_t kOrigin = 1;
constexpr std::uint8_t kAsPath = 2;
constexpr std::uint8_t kNextHop = 3;
constexpr std::uint8_t kLocalPref = 5;
constexpr std::uint8_t kCommunities = 8;
constexpr std::uint8_t kMpReach = 14;
constexpr std::uint8_t kMpUnreach = 15;

void u16(Stream& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void u32(Stream& out, std::uint32_t value) {
  u16(out, value >> 16);
  u16(out, value & 0xffff);
}

std::size_t begin(Stream& out, Type type) {
  const std::size_t at = out.size();
  out.insert(out.end(), 16, 0xff);
  u16(out, 0);
  out.push_back(static_cast<std::uint8_t>(type));
  return at;
}
void patch(Stream& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}
void end(Stream& out, std::size_t at) { patch(out, at + 16, out.size() - at); }

void put_prefix(Stream& out, bool ipv6, Key key) {
  const unsigned length = length_of(key);
  const unsigned width = ipv6 ? kBits6 : kBits4;
  out.push_back(static_cast<std::uint8_t>(length));
  for (unsigned i = 0; i < (length + 7) / 8; ++i)
    out.push_back(static_cast<std::uint8_t>(key >> 8 >> (width - 8 - i * 8)));
}

std::size_t put_fitting(Stream& out, bool ipv6, std::span<const Key> prefixes, std::size_t room) {
  std::size_t count = 0;
  for (; count < prefixes.size(); ++count) {
    const std::size_t size = 1 + (length_of(prefixes[count]) + 7) / 8;
    if (size > room) break;
    room -= size;
    put_prefix(out, ipv6, prefixes[count]);
  }
  return count;
}

void put_attributes(Stream& out, const AttributeSet& set, std::uint32_t asn) {
  out.insert(out.end(), {0x40, kOrigin, 1, 0});
  out.insert(out.end(), {0x40, kAsPath, static_cast<std::uint8_t>(2 + 4 * (set.path.size() + 1)), 2,
                         static_cast<std::uint8_t>(set.path.size() + 1)});
  u32(out, asn);
  for (const std::uint32_t one : set.path) u32(out, one);
}

void put_local_pref(Stream& out, const AttributeSet& set) {
  if (set.local_pref == 0) return;
  out.insert(out.end(), {0x40, kLocalPref, 4});
  u32(out, set.local_pref);
}

void put_communities(Stream& out, const AttributeSet& set) {
  if (set.communities.empty()) return;
  out.insert(out.end(), {0xc0, kCommunities, static_cast<std::uint8_t>(4 * set.communities.size())});
  for (const std::uint32_t one : set.communities) u32(out, one);
}

std::uint32_t read_u32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

bool read_prefixes(std::span<const std::uint8_t> in, bool ipv6, std::size_t identifier, std::vector<Key>& out) {
  const unsigned width = ipv6 ? kBits6 : kBits4;
  for (std::size_t at = 0; at < in.size();) {
    if (in.size() - at <= identifier) return false;
    at += identifier;
    const unsigned length = in[at++];
    const unsigned octets = (length + 7) / 8;
    if (length > (ipv6 ? 128U : 32U) || octets > in.size() - at) return false;
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < std::min(octets, width / 8); ++i) bits |= std::uint64_t{in[at + i]} << (width - 8 - i * 8);
    at += octets;
    out.push_back(key_of(bits, length));  // one longer than ours are is in no table of ours, whatever its bits
  }
  return true;
}

/// Collects what the hash is made of.
struct Attributes {
  std::array<std::uint32_t, 512> path{};
  std::size_t path_size = 0;
  std::array<std::uint32_t, 512> communities{};
  std::size_t communities_size = 0;
  bool origin = false;
  std::span<const std::uint8_t> next_hop;
  std::span<const std::uint8_t> reach, unreach;
  bool has_unreach = false;
};

bool read_path(std::span<const std::uint8_t> in, Attributes& out) {
  while (!in.empty()) {
    if (in.size() < 2 || in.size() < 2U + 4U * in[1]) return false;
    for (std::size_t i = 0; i < in[1] && out.path_size < out.path.size(); ++i)
      out.path[out.path_size++] = read_u32(&in[2 + 4 * i]);
    in = in.subspan(2U + 4U * in[1]);
  }
  return true;
}

bool read_one(std::uint8_t type, std::span<const std::uint8_t> value, Attributes& out) {
  if (type == kOrigin) out.origin = value.size() == 1 && value[0] == 0;
  if (type == kAsPath) return read_path(value, out);
  if (type == kNextHop) out.next_hop = value;
  if (type == kCommunities)
    for (std::size_t i = 0; i + 4 <= value.size() && out.communities_size < out.communities.size(); i += 4)
      out.communities[out.communities_size++] = read_u32(&value[i]);
  if (type == kMpUnreach) {
    if (value.size() < 3) return false;
    out.unreach = value.subspan(3);
    out.has_unreach = true;
  }
  if (type == kMpReach) {
    if (value.size() < 5 || value.size() < 5U + value[3]) return false;
    out.next_hop = value.subspan(4, value[3]);
    out.reach = value.subspan(5U + value[3]);
  }
  return true;
}

bool read_attributes(std::span<const std::uint8_t> in, Attributes& out) {
  while (!in.empty()) {
    const std::size_t head = in.size() >= 3 && (in[0] & 0x10) != 0 ? 4 : 3;
    if (in.size() < head) return false;
    const std::size_t size = head == 4 ? std::size_t{in[2]} << 8 | in[3] : in[2];
    if (in.size() - head < size || !read_one(in[1], in.subspan(head, size), out)) return false;
    in = in.subspan(head + size);
  }
  return true;
}

std::uint32_t hash(const Attributes& a, const Expectation& expected) {
  std::span<const std::uint32_t> path{a.path.data(), a.path_size};
  bool right = a.origin;
  if (expected.speaker_asn != 0) {
    right = right && !path.empty() && path[0] == expected.speaker_asn;
    if (!path.empty()) path = path.subspan(1);
  }
  // RFC 2545 section 3: a link-local address may follow the global one.
  right = right && a.next_hop.size() >= expected.next_hop.size() &&
          std::ranges::equal(a.next_hop.first(expected.next_hop.size()), expected.next_hop);
  if (!path.empty()) path = path.subspan(1);  // the generator's
  const std::uint32_t found = hash_of(path, {a.communities.data(), a.communities_size});
  return right ? found : found ^ 0x80000000U;
}

}  // namespace

Stream open_message(std::uint32_t asn, std::uint32_t router_id, bool ipv6, std::uint16_t hold, bool add_path) {
  Stream out;
  const std::size_t at = begin(out, Type::Open);
  out.push_back(4);
  u16(out, asn > 0xffff ? 23456 : asn);  // RFC 6793 section 4.2.2
  u16(out, hold);
  u32(out, router_id);
  const std::uint8_t afi = ipv6 ? 2 : 1;
  // Multiprotocol, route refresh, four-octet AS; and graceful restart without a family, which asks for End-of-RIB and
  // lets nobody keep our routes (RFC 4724 section 3).
  Stream capabilities = {1, 4, 0, afi, 0, 1, 2, 0, 64, 2, 0, 0, 65, 4};
  u32(capabilities, asn);
  if (add_path) capabilities.insert(capabilities.end(), {69, 4, 0, afi, 1, 1});
  out.push_back(static_cast<std::uint8_t>(capabilities.size() + 2));
  out.push_back(2);
  out.push_back(static_cast<std::uint8_t>(capabilities.size()));
  out.insert(out.end(), capabilities.begin(), capabilities.end());
  end(out, at);
  return out;
}

Stream keepalive_message() {
  Stream out;
  end(out, begin(out, Type::Keepalive));
  return out;
}

Stream refresh_message(bool ipv6) {
  Stream out;
  const std::size_t at = begin(out, Type::RouteRefresh);
  out.insert(out.end(), {0, static_cast<std::uint8_t>(ipv6 ? 2 : 1), 0, 1});
  end(out, at);
  return out;
}

void put_announcements(bool ipv6, const AttributeSet& set, std::uint32_t asn, const Address& next_hop,
                       std::span<const Key> prefixes, Stream& out) {
  while (!prefixes.empty()) {
    const std::size_t at = begin(out, Type::Update);
    u16(out, 0);
    const std::size_t attributes = out.size();
    u16(out, 0);
    std::size_t reach = 0;
    if (ipv6) {  // first, as RFC 7606 section 5.1 asks
      out.insert(out.end(), {0x90, kMpReach, 0, 0, 0, 2, 1, static_cast<std::uint8_t>(next_hop.size())});
      reach = out.size() - 8;
      out.insert(out.end(), next_hop.begin(), next_hop.end());
      out.push_back(0);
      const std::size_t behind = 12 + 4 * set.path.size() + 4 + 4 * set.communities.size() + 7;
      const std::size_t count = put_fitting(out, ipv6, prefixes, kMaxMessage - (out.size() - at) - behind);
      prefixes = prefixes.subspan(count);
      patch(out, reach + 2, out.size() - reach - 4);
    }
    put_attributes(out, set, asn);
    if (!ipv6) {
      out.insert(out.end(), {0x40, kNextHop, 4});
      out.insert(out.end(), next_hop.begin(), next_hop.end());
    }
    put_local_pref(out, set);
    put_communities(out, set);
    patch(out, attributes, out.size() - attributes - 2);
    if (!ipv6) prefixes = prefixes.subspan(put_fitting(out, ipv6, prefixes, kMaxMessage - (out.size() - at)));
    end(out, at);
  }
}

void put_withdrawals(bool ipv6, std::span<const Key> prefixes, Stream& out) {
  while (!prefixes.empty()) {
    const std::size_t at = begin(out, Type::Update);
    const std::size_t room = kMaxMessage - kHeader - 4 - 7;
    if (ipv6) {
      u16(out, 0);
      const std::size_t attribute = out.size() + 2;
      u16(out, 0);
      out.insert(out.end(), {0x90, kMpUnreach, 0, 0, 0, 2, 1});
      prefixes = prefixes.subspan(put_fitting(out, ipv6, prefixes, room));
      patch(out, attribute + 2, out.size() - attribute - 4);
      patch(out, attribute - 2, out.size() - attribute);
    } else {
      const std::size_t field = out.size();
      u16(out, 0);
      prefixes = prefixes.subspan(put_fitting(out, ipv6, prefixes, room));
      patch(out, field, out.size() - field - 2);
      u16(out, 0);
    }
    end(out, at);
  }
}

bool read_update(std::span<const std::uint8_t> message, bool ipv6, const Expectation& expected, Routes& out) {
  out.withdrawn.clear();
  out.announced.clear();
  auto in = message.subspan(kHeader);
  const auto section = [&in](std::span<const std::uint8_t>& field) {
    if (in.size() < 2) return false;
    const std::size_t size = std::size_t{in[0]} << 8 | in[1];
    if (in.size() - 2 < size) return false;
    field = in.subspan(2, size);
    in = in.subspan(2 + size);
    return true;
  };
  std::span<const std::uint8_t> withdrawn, attributes;
  if (!section(withdrawn) || !section(attributes)) return false;
  Attributes found;
  if (!read_attributes(attributes, found)) return false;
  const std::size_t identifier = expected.add_path ? 4 : 0;
  if (!read_prefixes(ipv6 ? found.unreach : withdrawn, ipv6, identifier, out.withdrawn)) return false;
  if (!read_prefixes(ipv6 ? found.reach : in, ipv6, identifier, out.announced)) return false;
  if (expected.add_path && !out.withdrawn.empty()) return false;  // by identifier only: not kept here
  if (expected.add_path && !found.next_hop.empty() && found.next_hop.back() % 2 != 0)
    for (Key& key : out.announced) key |= kOddPath;
  out.end_of_rib = out.withdrawn.empty() && out.announced.empty() && (attributes.empty() || found.has_unreach);
  if (!out.announced.empty()) out.hash = hash(found, expected);
  return true;
}

}  // namespace bench
