// Cuts a stream of bytes into messages (RFC 4271 section 4.1). Keeps at most one message that is not whole yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bgpd/wire/header.h"
#include "common/result.h"

namespace slash32::bgp {

struct Frame {
  MessageType type = MessageType::Keepalive;
  std::span<const std::uint8_t> body;   // valid until the next push() or clear()
  std::span<const std::uint8_t> whole;  // header included
};

class Framer {
 public:
  void push(std::span<const std::uint8_t> bytes) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(read_));
    read_ = 0;
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }

  /// The next whole message, nothing when there is none yet, or the NOTIFICATION that a bad header asks for. A header
  /// is judged as soon as its 19 octets are there. `max_size` as for decode_header().
  std::optional<Result<Frame, Notification>> next(std::size_t max_size = kMaxMessageSize) {
    const auto left = std::span<const std::uint8_t>{buffer_}.subspan(read_);
    if (left.size() < kHeaderSize) return std::nullopt;
    const auto header = decode_header(left.first<kHeaderSize>(), max_size);
    if (!header) return std::unexpected{header.error()};
    if (left.size() < header->size) return std::nullopt;
    read_ += header->size;
    const auto whole = left.first(header->size);
    return Frame{header->type, whole.subspan(kHeaderSize), whole};
  }

  /// What next() has not handed out; valid until the next push() or clear().
  std::span<const std::uint8_t> rest() const { return std::span{buffer_}.subspan(read_); }

  void clear() {
    buffer_.clear();
    read_ = 0;
  }

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t read_ = 0;
};

}  // namespace slash32::bgp
