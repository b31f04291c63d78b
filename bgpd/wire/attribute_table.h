// The one table of path attributes: type, flags, who may send it, what a malformed one means (RFC 7606 section 7), and
// its decoder. A new attribute is one row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bgpd/wire/message.h"
#include "bgpd/wire/nlri.h"
#include "bgpd/wire/update.h"

namespace slash32::bgp {

/// An attribute as it stands in the message.
struct RawAttribute {
  std::uint8_t flags = 0;
  std::uint8_t type = 0;
  std::span<const std::uint8_t> value;
  std::span<const std::uint8_t> whole;  // with flags, type and length: the data of a NOTIFICATION
};

/// MP_REACH_NLRI (RFC 4760 section 3).
struct MpReach {
  std::optional<AddressFamily> family;  // nothing: one we do not carry; the rest is then not read
  IpAddress next_hop;
  std::optional<IpAddress> link_local;
  Nlri routes;
  bool empty = false;  // no NLRI, of whatever family
};

/// MP_UNREACH_NLRI (RFC 4760 section 4).
struct MpUnreach {
  std::optional<AddressFamily> family;
  Nlri routes;
  bool empty = false;
};

/// What the attributes of one UPDATE say, each for itself.
struct Collected {
  PathAttributes common;  // next_hop is set later, per family
  bool has_origin = false;
  bool has_as_path = false;
  std::optional<IpAddress> next_hop;
  std::optional<MpReach> reach;
  std::optional<MpUnreach> unreach;
  std::optional<AsPath> as4_path;
  std::optional<Aggregator> as4_aggregator;
  std::uint8_t as4_partial = 0;  // bits of namespace `partial`, of the AS4 attributes: they count where those do
};

/// What is wrong with an attribute's value; the row says what that means.
struct Malformed {
  std::string_view why;
  std::uint8_t subcode = 0;        // of error 3, for when the session must be reset (RFC 4271 section 6.3)
  std::optional<Verdict> verdict;  // where it differs from the row's
};

using AttributeDecoder = std::optional<Malformed> (*)(const RawAttribute&, const DecodeContext&, Collected&);

/// From whom an attribute counts; from others it is discarded unread.
enum class From : std::uint8_t { Anyone, Internal, TwoOctetSpeaker };

struct AttributeRule {
  std::uint8_t type;
  std::string_view name;
  std::uint8_t flags;  // the Optional and Transitive bits as they must be
  From from;
  Verdict malformed;  // RFC 7606 section 7
  AttributeDecoder decode;
};

/// Routes of this family come with path identifiers (RFC 7911).
bool has_path_ids(const DecodeContext& context, AddressFamily family);

/// Keeps an attribute byte for byte, to be passed on.
void keep_bytes(const RawAttribute& raw, Collected& out);

/// Null for a type we do not know.
const AttributeRule* find_rule(std::uint8_t type);

}  // namespace slash32::bgp
