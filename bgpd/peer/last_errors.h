// What went wrong last with a neighbour, in each direction, with the message that was at fault: for show only, nothing
// decides by it. Values are shared and never change, so a status costs no copies of messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bgpd/wire/message.h"
#include "common/clock.h"

namespace slash32::bgp {

/// The beginning of a message as it came, header included.
struct KeptMessage {
  static constexpr std::size_t kMost = 4096;  // octets kept; an extended message (RFC 8654) may be longer
  std::vector<std::uint8_t> bytes;
  std::size_t octets = 0;  // of the whole message, or of what had come of it when its header was refused

  static KeptMessage of(std::span<const std::uint8_t> message) {
    const auto kept = message.first(std::min(message.size(), kMost));
    return {{kept.begin(), kept.end()}, message.size()};
  }
};

/// A NOTIFICATION that was sent or received.
struct NotedNotification {
  Notification notification;
  Instant at{};
  std::optional<KeptMessage> message;  // sent: the peer's message that it complains of; received: itself
};

/// An UPDATE that was malformed without ending the session (RFC 7606).
struct NotedUpdate {
  Verdict verdict = Verdict::Accept;
  std::string why;
  Update::Fault fault;
  Instant at{};
  KeptMessage message;
};

/// The last of each kind; none where there was none yet.
struct LastErrors {
  std::shared_ptr<const NotedNotification> sent;
  std::shared_ptr<const NotedNotification> received;
  std::shared_ptr<const NotedUpdate> malformed;
  bool operator==(const LastErrors&) const = default;  // the same ones, not equal ones
};

}  // namespace slash32::bgp
