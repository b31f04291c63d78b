// The one home of BGP's wire numbers, with the registry each comes from.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slash32::bgp {

// RFC 4271 section 4.1
inline constexpr std::size_t kMarkerSize = 16;
inline constexpr std::size_t kHeaderSize = 19;
inline constexpr std::size_t kMaxMessageSize = 4096;
inline constexpr std::size_t kMaxExtendedMessageSize = 65535;  // RFC 8654
inline constexpr std::size_t kMinOpenSize = 29;
inline constexpr std::size_t kMinUpdateSize = 23;
inline constexpr std::size_t kMinNotificationSize = 21;
inline constexpr std::size_t kRouteRefreshSize = 23;  // RFC 2918 section 3
inline constexpr std::uint8_t kVersion = 4;
inline constexpr std::uint16_t kAsTrans = 23456;  // RFC 6793 section 9

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-1
enum class MessageType : std::uint8_t { Open = 1, Update = 2, Notification = 3, Keepalive = 4, RouteRefresh = 5 };

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-11
namespace parameter {
inline constexpr std::uint8_t kCapabilities = 2;      // RFC 5492
inline constexpr std::uint8_t kExtendedLength = 255;  // RFC 9072
}  // namespace parameter

// https://www.iana.org/assignments/capability-codes/
namespace capability {
inline constexpr std::uint8_t kMultiprotocol = 1;     // RFC 4760
inline constexpr std::uint8_t kRouteRefresh = 2;      // RFC 2918
inline constexpr std::uint8_t kExtendedNextHop = 5;   // RFC 8950
inline constexpr std::uint8_t kExtendedMessage = 6;   // RFC 8654
inline constexpr std::uint8_t kRole = 9;              // RFC 9234
inline constexpr std::uint8_t kGracefulRestart = 64;  // RFC 4724
inline constexpr std::uint8_t kFourOctetAs = 65;      // RFC 6793
inline constexpr std::uint8_t kAddPath = 69;          // RFC 7911
inline constexpr std::uint8_t kEnhancedRefresh = 70;  // RFC 7313
inline constexpr std::uint8_t kLongLived = 71;        // RFC 9494
}  // namespace capability

// https://www.iana.org/assignments/bgp-well-known-communities
namespace community {
inline constexpr std::uint32_t kGracefulShutdown = 0xffff0000;  // RFC 8326 section 5
inline constexpr std::uint32_t kLlgrStale = 0xffff0006;         // RFC 9494 section 3.2
inline constexpr std::uint32_t kNoLlgr = 0xffff0007;            // RFC 9494 section 3.3
inline constexpr std::uint32_t kNoExport = 0xffffff01;          // RFC 1997
}  // namespace community

// https://www.iana.org/assignments/address-family-numbers/ and https://www.iana.org/assignments/safi-namespace/
inline constexpr std::uint16_t kAfiIpv4 = 1;
inline constexpr std::uint16_t kAfiIpv6 = 2;
inline constexpr std::uint8_t kSafiUnicast = 1;

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-2
namespace attribute {
inline constexpr std::uint8_t kOrigin = 1;
inline constexpr std::uint8_t kAsPath = 2;
inline constexpr std::uint8_t kNextHop = 3;
inline constexpr std::uint8_t kMultiExitDisc = 4;
inline constexpr std::uint8_t kLocalPref = 5;
inline constexpr std::uint8_t kAtomicAggregate = 6;
inline constexpr std::uint8_t kAggregator = 7;
inline constexpr std::uint8_t kCommunities = 8;               // RFC 1997
inline constexpr std::uint8_t kOriginatorId = 9;              // RFC 4456
inline constexpr std::uint8_t kClusterList = 10;              // RFC 4456
inline constexpr std::uint8_t kMpReachNlri = 14;              // RFC 4760
inline constexpr std::uint8_t kMpUnreachNlri = 15;            // RFC 4760
inline constexpr std::uint8_t kExtendedCommunities = 16;      // RFC 4360
inline constexpr std::uint8_t kAs4Path = 17;                  // RFC 6793
inline constexpr std::uint8_t kAs4Aggregator = 18;            // RFC 6793
inline constexpr std::uint8_t kIpv6ExtendedCommunities = 25;  // RFC 5701
inline constexpr std::uint8_t kLargeCommunities = 32;         // RFC 8092
inline constexpr std::uint8_t kOnlyToCustomer = 35;           // RFC 9234
}  // namespace attribute

// RFC 4271 section 4.3
namespace attribute_flag {
inline constexpr std::uint8_t kOptional = 0x80;
inline constexpr std::uint8_t kTransitive = 0x40;
inline constexpr std::uint8_t kPartial = 0x20;
inline constexpr std::uint8_t kExtendedLength = 0x10;
}  // namespace attribute_flag

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-3
enum class ErrorCode : std::uint8_t {
  MessageHeader = 1,
  OpenMessage = 2,
  UpdateMessage = 3,
  HoldTimerExpired = 4,
  FiniteStateMachine = 5,
  Cease = 6,
  RouteRefreshMessage = 7,   // RFC 7313
  SendHoldTimerExpired = 8,  // RFC 9687
};

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-5
namespace header_error {
inline constexpr std::uint8_t kConnectionNotSynchronized = 1;
inline constexpr std::uint8_t kBadMessageLength = 2;
inline constexpr std::uint8_t kBadMessageType = 3;
}  // namespace header_error

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-6
namespace open_error {
inline constexpr std::uint8_t kUnspecific = 0;  // RFC 4271 section 6.2: a recognised parameter that is malformed
inline constexpr std::uint8_t kUnsupportedVersion = 1;
inline constexpr std::uint8_t kBadPeerAs = 2;
inline constexpr std::uint8_t kBadBgpIdentifier = 3;
inline constexpr std::uint8_t kUnsupportedOptionalParameter = 4;
inline constexpr std::uint8_t kUnacceptableHoldTime = 6;
inline constexpr std::uint8_t kUnsupportedCapability = 7;  // RFC 5492
inline constexpr std::uint8_t kRoleMismatch = 11;          // RFC 9234
}  // namespace open_error

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-7
namespace update_error {
inline constexpr std::uint8_t kMalformedAttributeList = 1;
inline constexpr std::uint8_t kUnrecognizedWellKnownAttribute = 2;
inline constexpr std::uint8_t kMissingWellKnownAttribute = 3;
inline constexpr std::uint8_t kAttributeFlagsError = 4;
inline constexpr std::uint8_t kAttributeLengthError = 5;
inline constexpr std::uint8_t kInvalidOrigin = 6;
inline constexpr std::uint8_t kInvalidNextHop = 8;
inline constexpr std::uint8_t kOptionalAttributeError = 9;
inline constexpr std::uint8_t kInvalidNetworkField = 10;
inline constexpr std::uint8_t kMalformedAsPath = 11;
}  // namespace update_error

// https://www.iana.org/assignments/bgp-parameters/#bgp-finite-state-machine-error-subcodes (RFC 6608)
namespace fsm_error {
inline constexpr std::uint8_t kUnspecified = 0;
inline constexpr std::uint8_t kUnexpectedInOpenSent = 1;
inline constexpr std::uint8_t kUnexpectedInOpenConfirm = 2;
inline constexpr std::uint8_t kUnexpectedInEstablished = 3;
}  // namespace fsm_error

// https://www.iana.org/assignments/bgp-parameters/#bgp-parameters-8 (RFC 4486)
namespace cease {
inline constexpr std::uint8_t kMaximumPrefixes = 1;
inline constexpr std::uint8_t kAdministrativeShutdown = 2;
inline constexpr std::uint8_t kPeerDeconfigured = 3;
inline constexpr std::uint8_t kAdministrativeReset = 4;
inline constexpr std::uint8_t kConnectionRejected = 5;
inline constexpr std::uint8_t kOtherConfigurationChange = 6;
inline constexpr std::uint8_t kConnectionCollision = 7;
inline constexpr std::uint8_t kOutOfResources = 8;
inline constexpr std::uint8_t kHardReset = 9;  // RFC 8538
inline constexpr std::uint8_t kBfdDown = 10;   // RFC 9384
}  // namespace cease

// RFC 7313 section 5
namespace route_refresh_error {
inline constexpr std::uint8_t kInvalidMessageLength = 1;
}  // namespace route_refresh_error

}  // namespace slash32::bgp
