#include "config/conf_readers.h"

#include <array>
#include <charconv>
#include <optional>

namespace slash32::config {
namespace {

constexpr std::uint32_t kAsTrans = 23456;  // RFC 6793 section 9

struct WellKnown {
  std::string_view name;
  Community value;
};
// https://www.iana.org/assignments/bgp-well-known-communities
constexpr std::array<WellKnown, 9> kWellKnown{{{"graceful-shutdown", 0xFFFF0000},    // RFC 8326
                                               {"accept-own", 0xFFFF0001},           // RFC 7611
                                               {"llgr-stale", 0xFFFF0006},           // RFC 9494
                                               {"no-llgr", 0xFFFF0007},              // RFC 9494
                                               {"blackhole", 0xFFFF029A},            // RFC 7999
                                               {"no-export", 0xFFFFFF01},            // RFC 1997
                                               {"no-advertise", 0xFFFFFF02},         // RFC 1997
                                               {"no-export-subconfed", 0xFFFFFF03},  // RFC 1997
                                               {"no-peer", 0xFFFFFF04}}};            // RFC 3765

/// Exactly `N` numbers between colons, each at most `limit`.
template <std::size_t N>
std::optional<std::array<std::uint32_t, N>> numbers(std::string_view text, std::uint32_t limit) {
  std::array<std::uint32_t, N> out{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < N; ++i) {
    if (i > 0) {
      if (at == end || *at != ':') return std::nullopt;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, out[i]);
    const bool padded = next - at > 1 && *at == '0';  // RFC 8092 section 5: no leading zeros
    if (error != std::errc{} || padded || out[i] > limit) return std::nullopt;
    at = next;
  }
  if (at != end) return std::nullopt;
  return out;
}

}  // namespace

Result<Asn> as_number(const JsonField& field) {
  const auto number = TRY(json::integer<std::uint32_t>(1)(field));
  if (number == kAsTrans) return field.bad("23456 is AS_TRANS and nobody's AS (RFC 6793 section 9)");
  return Asn{number};
}

Result<RouterId> router_id(const JsonField& field) {
  const auto address = TRY(json::ip_address(field));
  if (!address.is_v4() || address.is_unspecified())
    return field.bad("must be an IPv4 address in form, and not 0.0.0.0 (RFC 6286 section 2.1)");
  return RouterId{address.v4_value()};
}

Result<Community> community(const JsonField& field) {
  const auto text = TRY(json::text(field));
  std::string known;
  for (const auto& [name, value] : kWellKnown) {
    if (text == name) return value;
    known += ", " + std::string(name);
  }
  const auto parts = numbers<2>(text, 0xFFFF);
  if (!parts) return field.bad("must be \"AS:VALUE\", each from 0 to 65535 (RFC 1997), or one of" + known.substr(1));
  return Community{(*parts)[0] << 16 | (*parts)[1]};
}

Result<LargeCommunity> large_community(const JsonField& field) {
  const auto parts = numbers<3>(TRY(json::text(field)), 0xFFFFFFFF);
  if (!parts) return field.bad("must be \"A:B:C\", each from 0 to 4294967295 (RFC 8092 section 5)");
  return LargeCommunity{(*parts)[0], (*parts)[1], (*parts)[2]};
}

Result<AddressFamily> address_family(const JsonField& field) {
  return one_of<AddressFamily>({{"ipv4", AddressFamily::IPv4}, {"ipv6", AddressFamily::IPv6}})(field);
}

std::string print_community(Community value) {
  for (const auto& known : kWellKnown)
    if (known.value == value) return std::string(known.name);
  return std::to_string(value >> 16) + ":" + std::to_string(value & 0xFFFF);
}

std::string print_large_community(const LargeCommunity& value) {
  return std::to_string(value.global) + ":" + std::to_string(value.local1) + ":" + std::to_string(value.local2);
}

std::string print_family(AddressFamily family) { return family == AddressFamily::IPv4 ? "ipv4" : "ipv6"; }

std::string print_router_id(RouterId id) { return IpAddress::v4(id.value).to_string(); }

}  // namespace slash32::config
