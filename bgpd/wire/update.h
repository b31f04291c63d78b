// The UPDATE codec (RFC 4271 sections 4.3, 5 and 6.3; RFC 4760; RFC 6793), with RFC 7606's error handling on the way
// in. Pure: bytes and values only. Packing routes by equal attributes is the RIB's work; these functions fill the
// messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bgpd/wire/attributes.h"
#include "bgpd/wire/message.h"
#include "common/ip.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp {

/// What of a session decides how an UPDATE is read.
struct DecodeContext {
  bool four_octet_as = true;            // negotiated (RFC 6793)
  bool external = true;                 // eBGP
  std::vector<AddressFamily> families;  // negotiated; routes of others are ignored
  bool extended_next_hop = false;       // RFC 8950 negotiated: IPv4 routes may have an IPv6 next hop
  std::optional<Asn> first_as;  // eBGP: the AS the path must begin with (RFC 4271 section 6.3); nothing: unchecked
  std::vector<AddressFamily> add_path;  // whose routes come with path identifiers (RFC 7911)
  bool allow_as_set = true;             // false: a route with an AS_SET is treated as withdrawn (RFC 9774 section 3)
  bool operator==(const DecodeContext&) const = default;
};

/// Reads the body of an UPDATE (what follows the header). An error is the NOTIFICATION to send: the session cannot go
/// on (RFC 7606 section 3 j, section 5). Anything weaker comes back in the Update's verdict and complaint.
Result<Update, Notification> decode_update(std::span<const std::uint8_t> body, const DecodeContext& context);

/// What of a session decides how attributes are written.
struct EncodeContext {
  bool four_octet_as = true;  // negotiated; otherwise AS_TRANS and AS4_PATH (RFC 6793 section 4.2.2)
  bool external = true;  // eBGP: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are left out; iBGP: LOCAL_PREF 100 if unset
  bool operator==(const EncodeContext&) const = default;
};

/// Attributes as they stand in messages, encoded once for any number of prefixes and of peers with the same context.
struct AttributeBlock {
  AddressFamily family = AddressFamily::IPv4;  // of the routes
  std::vector<std::uint8_t> bytes;             // path attributes, MP_REACH_NLRI left out, ordered by type
  std::vector<std::uint8_t> mp_next_hop;       // empty: NLRI go into the message's own field; else into MP_REACH_NLRI
  bool operator==(const AttributeBlock&) const = default;
};

/// Encodes `attributes` for routes of `family`. IPv4 routes with an IPv4 next hop use NEXT_HOP, all else MP_REACH_NLRI.
/// IPv6 routes need an IPv6 next hop; an attribute longer than 65535 octets does not exist: both are errors.
Result<AttributeBlock> encode_attribute_block(const PathAttributes& attributes, AddressFamily family,
                                              const EncodeContext& context);

/// Every prefix goes with `path_id`, where there is one (RFC 7911).
/// Appends as few UPDATEs of at most `max_size` octets as announce `prefixes` (all of the block's family); returns how
/// many. When the attributes leave no room for a prefix, that is an error and `out` is as it was: the caller withdraws
/// those routes instead.
Result<std::size_t> encode_announcements(const AttributeBlock& block, std::span<const Prefix> prefixes,
                                         std::size_t max_size, std::vector<std::uint8_t>& out,
                                         std::optional<PathId> path_id = {});

/// Appends as few UPDATEs as withdraw `prefixes`, all of `family`; returns how many. IPv4 uses the message's own field,
/// IPv6 a lone MP_UNREACH_NLRI (RFC 4760 section 4). `max_size` is at least 4096.
std::size_t encode_withdrawals(std::span<const Prefix> prefixes, AddressFamily family, std::size_t max_size,
                               std::vector<std::uint8_t>& out, std::optional<PathId> path_id = {});

/// End-of-RIB (RFC 4724 section 2): one whole UPDATE.
std::vector<std::uint8_t> encode_end_of_rib(AddressFamily family);

}  // namespace slash32::bgp
