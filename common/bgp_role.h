// BGP roles (RFC 9234 section 3): configuration names ours, the speaker says it and keeps routes from leaking.
#pragma once

#include <cstdint>
#include <string_view>

namespace slash32 {

/// The values are those on the wire (RFC 9234 section 4.1, table 1).
enum class BgpRole : std::uint8_t { Provider = 0, Rs = 1, RsClient = 2, Customer = 3, Peer = 4 };

/// As configuration and status write it.
constexpr std::string_view to_string(BgpRole role) {
  switch (role) {
    case BgpRole::Provider:
      return "provider";
    case BgpRole::Rs:
      return "rs";
    case BgpRole::RsClient:
      return "rs-client";
    case BgpRole::Customer:
      return "customer";
    case BgpRole::Peer:
      return "peer";
  }
  return "?";
}

/// The role the other side must have (RFC 9234 section 4.2, table 2).
constexpr BgpRole counterpart(BgpRole role) {
  switch (role) {
    case BgpRole::Provider:
      return BgpRole::Customer;
    case BgpRole::Rs:
      return BgpRole::RsClient;
    case BgpRole::RsClient:
      return BgpRole::Rs;
    case BgpRole::Customer:
      return BgpRole::Provider;
    case BgpRole::Peer:
      return BgpRole::Peer;
  }
  return role;
}

}  // namespace slash32
