// hash_value: equal sets hash equally; nothing else is promised.
#include "bgpd/wire/attributes.h"

#include <functional>
#include <span>

namespace slash32::bgp {
namespace {

class Hasher {
 public:
  void add(std::uint64_t v) {  // a 64-bit mix (splitmix64's constants), so that small numbers spread
    state_ ^= v + 0x9e3779b97f4a7c15ULL;
    state_ = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9ULL;
    state_ ^= state_ >> 27;
  }
  template <class T>
  void add_optional(const std::optional<T>& v) {
    add(v.has_value());
    if (v) add(static_cast<std::uint64_t>(*v));
  }
  void add_bytes(std::span<const std::uint8_t> bytes) {
    add(bytes.size());
    for (const std::uint8_t b : bytes) add(b);
  }
  std::size_t value() const { return static_cast<std::size_t>(state_); }

 private:
  std::uint64_t state_ = 0;
};

void add_path(const AsPath& path, Hasher& h) {
  h.add(path.segments.size());
  for (const AsPathSegment& segment : path.segments) {
    h.add(static_cast<std::uint64_t>(segment.type) << 32 | segment.asns.size());
    for (const Asn asn : segment.asns) h.add(asn.value);
  }
}

}  // namespace

std::size_t hash_value(const PathAttributes& a) {
  Hasher h;
  h.add(std::uint64_t{a.partial} << 8 | static_cast<std::uint64_t>(a.origin) << 1 |
        static_cast<std::uint64_t>(a.atomic_aggregate));
  add_path(a.as_path, h);
  h.add(std::hash<IpAddress>{}(a.next_hop));
  h.add(a.link_local ? std::hash<IpAddress>{}(*a.link_local) : 0);
  h.add_optional(a.med);
  h.add_optional(a.local_pref);
  if (a.aggregator) h.add(std::uint64_t{a.aggregator->asn.value} << 32 | a.aggregator->id.value);
  for (const Community c : a.communities) h.add(c);
  for (const ExtendedCommunity& c : a.extended_communities) h.add_bytes(c);
  for (const LargeCommunity& c : a.large_communities) {
    h.add(std::uint64_t{c.global} << 32 | c.local1);
    h.add(c.local2);
  }
  if (a.originator_id) h.add(a.originator_id->value);
  for (const RouterId id : a.cluster_list) h.add(id.value);
  if (a.only_to_customer) h.add(std::uint64_t{1} << 32 | a.only_to_customer->value);
  for (const UnknownAttribute& u : a.unknown) {
    h.add(std::uint64_t{u.flags} << 8 | u.type);
    h.add_bytes(u.value);
  }
  h.add(std::uint64_t{a.marks.kernel_metric} << 8 | static_cast<std::uint64_t>(a.marks.blackhole) << 4 |
        static_cast<std::uint64_t>(a.marks.next_hop));
  h.add(static_cast<std::uint64_t>(a.marks.link.value) << 8 | static_cast<std::uint64_t>(a.marks.resolution));
  return h.value();
}

}  // namespace slash32::bgp
