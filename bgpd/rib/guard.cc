#include "bgpd/rib/guard.h"

#include <algorithm>
#include <array>

namespace slash32::bgp {
namespace {

IpAddress v6_of(std::array<std::uint8_t, 16> bytes) { return IpAddress::v6(bytes); }

// RFC 6890's blocks that can never be a destination beyond a link.
const std::array<Prefix, 4>& martians_v4() {
  static const std::array<Prefix, 4> kPrefixes{
      Prefix{IpAddress::v4(0), 8}, Prefix{IpAddress::v4(0x7f000000), 8}, Prefix{IpAddress::v4(0xa9fe0000), 16},
      Prefix{IpAddress::v4(0xe0000000), 3},  // multicast and 240/4
  };
  return kPrefixes;
}

const std::array<Prefix, 5>& martians_v6() {
  static const std::array<Prefix, 5> kPrefixes{
      Prefix{v6_of({}), 128},
      Prefix{v6_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 128},
      Prefix{v6_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), 96},  // IPv4-mapped
      Prefix{v6_of({0xfe, 0x80}), 10},
      Prefix{v6_of({0xff}), 8},
  };
  return kPrefixes;
}

}  // namespace

bool is_martian(const Prefix& prefix) {
  if (prefix.is_default()) return false;
  const auto covers = [&](const Prefix& martian) { return martian.contains(prefix); };
  return prefix.family() == AddressFamily::IPv4 ? std::ranges::any_of(martians_v4(), covers)
                                                : std::ranges::any_of(martians_v6(), covers);
}

Refusal Guard::check(const Prefix& prefix, bool external, const config::Allow& allow) const {
  if (prefix.is_default()) return allow.default_route ? Refusal::None : Refusal::DefaultRoute;
  if (prefix.is_host() && live_pods_.contains(prefix)) return Refusal::LivePod;
  if (own_ranges_.overlaps(prefix)) {
    if (own_ranges_.has(prefix)) return Refusal::OwnRange;
    if (own_ranges_.any_inside(prefix)) return Refusal::CoversOwnRange;
    if (external && !allow.own_ranges) return Refusal::InsideOwnRange;
  }
  if (!allow.martians && is_martian(prefix)) return Refusal::Martian;
  if (external && !allow.connected && connected_.any_around(prefix)) return Refusal::Connected;
  if (external && guarded_.any_around(prefix)) return Refusal::GuardedRange;
  return Refusal::None;
}

}  // namespace slash32::bgp
