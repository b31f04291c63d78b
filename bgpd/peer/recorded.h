// What is kept of messages for whoever records them (MRT).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bgpd/peer/peer.h"

namespace slash32::bgp {

/// Whether the session's messages with routes of `update` have path identifiers (RFC 7911), where `families` are those
/// that have them.
bool has_path_ids(const Update& update, const std::vector<AddressFamily>& families);

/// UPDATEs that were put together for this session, one after the other, each as a record of its own.
std::vector<act::MessageRecorded> recorded_as_sent(const Session& session, std::span<const std::uint8_t> messages);

}  // namespace slash32::bgp
