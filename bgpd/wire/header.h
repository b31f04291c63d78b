// The message header (RFC 4271 section 4.1) and its errors (section 6.1); KEEPALIVE, which is nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bgpd/wire/iana.h"
#include "bgpd/wire/message.h"
#include "common/bytes.h"
#include "common/result.h"

namespace slash32::bgp {

struct Header {
  MessageType type = MessageType::Keepalive;
  std::size_t size = kHeaderSize;  // of the whole message
};

/// Reads the first 19 octets of a message of at most `max_size` octets, which is kMaxExtendedMessageSize where both
/// sides agreed on RFC 8654; an OPEN or KEEPALIVE is never longer than 4096. An error is the NOTIFICATION to send,
/// offending field included.
Result<Header, Notification> decode_header(std::span<const std::uint8_t, kHeaderSize> bytes,
                                           std::size_t max_size = kMaxMessageSize);

/// Appends a header whose length end_message() fills in. Returns where the message begins.
std::size_t begin_message(ByteWriter& out, MessageType type);
void end_message(ByteWriter& out, std::size_t begin);

/// The whole message.
std::vector<std::uint8_t> encode_keepalive();

}  // namespace slash32::bgp
