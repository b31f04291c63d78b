// How the next hop of a learned route is looked for: configuration says it by neighbour, bgpd does it.
#pragma once

#include <cstdint>
#include <string_view>

namespace slash32 {

enum class NextHopResolution : std::uint8_t {
  OnLink,              // it must be on a connected subnet
  Recursive,           // or a route of the kernel's that is not ours leads there, other than a default route
  RecursiveViaDefault  // or a default route
};

/// As configuration writes it.
constexpr std::string_view to_string(NextHopResolution how) {
  switch (how) {
    case NextHopResolution::OnLink:
      return "onLink";
    case NextHopResolution::Recursive:
      return "recursive";
    case NextHopResolution::RecursiveViaDefault:
      return "recursiveViaDefault";
  }
  return "?";
}

}  // namespace slash32
