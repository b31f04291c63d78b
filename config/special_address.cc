#include "config/special_address.h"

#include <algorithm>
#include <array>

namespace slash32::config {
namespace {

/// https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-: those that no host can have, or that mean
/// nothing beyond a link. More specific blocks come first.
const std::array<SpecialBlock, 12>& blocks() {
  const auto v4 = [](std::uint32_t address, std::uint8_t length) { return Prefix(IpAddress::v4(address), length); };
  const auto v6 = [](std::array<std::uint8_t, 16> address, std::uint8_t length) {
    return Prefix(IpAddress::v6(address), length);
  };
  static const std::array<SpecialBlock, 12> kAll = {{
      {v4(0x00000000, 8), Special::ThisNetwork, "\"this network\" (RFC 1122)"},
      {v4(0x7f000000, 8), Special::Loopback, "loopback (RFC 1122)"},
      {v4(0xa9fe0000, 16), Special::LinkLocal, "link-local (RFC 3927)"},
      {v4(0xe0000000, 4), Special::Multicast, "multicast (RFC 5771)"},
      {v4(0xffffffff, 32), Special::Reserved, "broadcast (RFC 919)"},
      {v4(0xf0000000, 4), Special::Reserved, "reserved (RFC 1112)"},
      {v6({}, 128), Special::ThisNetwork, "unspecified (RFC 4291)"},
      {v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128), Special::Loopback, "loopback (RFC 4291)"},
      {v6({}, 96), Special::Reserved, "IPv4-compatible, deprecated (RFC 4291)"},
      {v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96), Special::Mapped, "IPv4-mapped (RFC 4291)"},
      {v6({0xfe, 0x80}, 10), Special::LinkLocal, "link-local (RFC 4291)"},
      {v6({0xff}, 8), Special::Multicast, "multicast (RFC 4291)"},
  }};
  return kAll;
}

bool is_among(Special why, std::initializer_list<Special> allowed) {
  return std::ranges::find(allowed, why) != allowed.end();
}

}  // namespace

const SpecialBlock* special_around(const Prefix& prefix, std::initializer_list<Special> allowed) {
  for (const auto& special : blocks())
    if (special.block.contains(prefix)) return is_among(special.why, allowed) ? nullptr : &special;
  return nullptr;
}

const SpecialBlock* special_within(const Prefix& prefix) {
  for (const auto& special : blocks())
    if (special.block.overlaps(prefix)) return &special;
  return nullptr;
}

Result<IpAddress> host_address(const JsonField& field, std::initializer_list<Special> allowed) {
  const auto address = TRY(json::ip_address(field));
  if (const auto* special = special_around(Prefix::host(address), allowed))
    return field.bad("must be a unicast address that a host can have; " + address.to_string() + " is " +
                     std::string(special->text));
  return address;
}

Result<Prefix> pod_range(const JsonField& field) {
  const auto range = TRY(json::prefix(field));
  if (range.is_default()) return field.bad("must be longer than /0");
  if (const auto* special = special_within(range))
    return field.bad("must be unicast addresses that pods can have; " + special->block.to_string() + " is " +
                     std::string(special->text));
  return range;
}

Result<std::vector<Prefix>> exempt_ranges(const JsonField& field) {
  constexpr std::size_t kMax = 256;  // each is a rule that the first packet of a connection passes
  auto ranges = TRY(field.each(json::prefix));
  if (ranges.size() > kMax) return field.bad("must have at most " + std::to_string(kMax) + " ranges");
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (ranges[i].is_default()) return field.element(i).bad("must be longer than /0, which would exempt everything");
  std::ranges::sort(ranges);
  const auto repeated = std::ranges::unique(ranges);
  ranges.erase(repeated.begin(), repeated.end());
  return ranges;
}

}  // namespace slash32::config
