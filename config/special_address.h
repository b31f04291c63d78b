// Which addresses can be a host's own. The one judgement that every configuration file's readers ask: what is written
// as the address of a neighbour, a gateway, a pod or this node must be one that can stand on a link.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/json_field.h"

namespace slash32::config {

/// Why the addresses of a block are special.
enum class Special : std::uint8_t {
  ThisNetwork,  // 0/8, ::
  Loopback,     // 127/8, ::1
  LinkLocal,    // 169.254/16, fe80::/10: good on one link only
  Multicast,    // 224/4, ff00::/8
  Reserved,     // 240/4 with 255.255.255.255, ::/96: given to nobody
  Mapped        // ::ffff:0:0/96: IPv4 by another name
};

struct SpecialBlock {
  Prefix block;
  Special why;
  std::string_view text;  // "multicast (RFC 5771)"
};

/// The special block that the whole of `prefix` lies in, but for those in `allowed`; nullptr: there is none.
const SpecialBlock* special_around(const Prefix& prefix, std::initializer_list<Special> allowed = {});
/// A special block of which at least one address is in `prefix`; nullptr: any of its addresses can be a host's.
const SpecialBlock* special_within(const Prefix& prefix);

/// A reader of a host's unicast address. Of the special ones those in `allowed` may be.
Result<IpAddress> host_address(const JsonField& field, std::initializer_list<Special> allowed = {});
/// A reader of a range that pods get their addresses from: none of them special, and not a whole family.
Result<Prefix> pod_range(const JsonField& field);

/// A reader of `masqueradeExempt`: destinations, at most 256 of them and none of them everything. Sorted, each once.
Result<std::vector<Prefix>> exempt_ranges(const JsonField& field);

}  // namespace slash32::config
