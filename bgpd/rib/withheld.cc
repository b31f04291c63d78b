#include "bgpd/rib/withheld.h"

#include <array>

namespace slash32::bgp {
namespace {

struct Row {
  Withheld why;
  std::string_view key;
  std::string_view text;
};
constexpr std::array kRows{
    Row{Withheld::No, "", ""},
    Row{Withheld::NoSession, "noSession", "no session with this neighbour"},
    Row{Withheld::NoPath, "noPath", "no usable path"},
    Row{Withheld::SplitHorizon, "splitHorizon", "learned from this neighbour"},
    Row{Withheld::FamilyNotNegotiated, "familyNotNegotiated", "the family was not negotiated"},
    Row{Withheld::NoOwnAddress, "noOwnAddress", "no own address of the family on this session to use as next hop"},
    Row{Withheld::NotReflected, "notReflected", "learned by iBGP, and neither side is a route reflector client"},
    Row{Withheld::NoAdvertise, "noAdvertise", "NO_ADVERTISE"},
    Row{Withheld::NoExport, "noExport", "NO_EXPORT"},
    Row{Withheld::OnlyToCustomer, "onlyToCustomer", "OTC: for customers only (RFC 9234)"},
    Row{Withheld::LongLivedStale, "longLivedStale",
        "long-lived stale, and the neighbour does not know what that is (RFC 9494)"},
    Row{Withheld::AsSet, "asSet", "AS_SET in the path (RFC 9774; allowAsSet)"},
    Row{Withheld::NoPolicy, "noPolicy", "no export policy (RFC 8212)"},
    Row{Withheld::Policy, "policy", "export policy"},
    Row{Withheld::Limit, "maxPrefixesOut", "maxPrefixes.out: waits for room"},
    Row{Withheld::TooLong, "tooLong", "the attributes leave no room for a prefix in a message"},
    Row{Withheld::Ipv6NextHop, "ipv6NextHop",
        "its next hop is IPv6, which the neighbour does not take for IPv4 (RFC 8950)"},
    Row{Withheld::OwnNextHop, "ownNextHop", "its own address is the next hop"},
    Row{Withheld::NotYet, "notYet", "not sent yet"}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (static_cast<std::size_t>(kRows[i].why) != i) return false;
  return kRows.size() == static_cast<std::size_t>(Withheld::NotYet) + 1;
}
static_assert(in_order(), "a row for every reason, at its place");

}  // namespace

std::string_view to_string(Withheld withheld) { return kRows.at(static_cast<std::size_t>(withheld)).text; }
std::string_view key_of(Withheld withheld) { return kRows.at(static_cast<std::size_t>(withheld)).key; }

}  // namespace slash32::bgp
