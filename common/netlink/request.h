// One netlink request under construction, and the answer to one. Builders for what we ask stand in links.h,
// addressing.h and nftables.h; Socket sends them. The only place that touches libnl's message functions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"

struct nl_msg;
struct nlmsghdr;

namespace slash32::netlink {

/// A message of `type` with its attributes. `what` names it in errors: "add route 10.244.1.7/32".
class Request {
 public:
  /// `flags` beside NLM_F_REQUEST, for example NLM_F_ACK | NLM_F_CREATE. `header` is the family's fixed part.
  Request(std::string what, std::uint16_t type, std::uint16_t flags, std::span<const std::uint8_t> header);
  /// The same with a struct of the kernel's as the fixed part.
  template <class Header>
  Request(std::string what, std::uint16_t type, std::uint16_t flags, const Header& header)
      : Request(std::move(what), type, flags,
                std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(&header), sizeof header)) {}

  void put(int attribute, std::span<const std::uint8_t> data);
  void put_u8(int attribute, std::uint8_t value);
  void put_u32(int attribute, std::uint32_t value);     // host byte order, as rtnetlink wants
  void put_be32(int attribute, std::uint32_t value);    // network byte order, as nfnetlink wants
  void put_be64(int attribute, std::uint64_t value);    // network byte order
  void put_text(int attribute, std::string_view text);  // with its terminating zero
  void put_address(int attribute, const IpAddress& address) { put(attribute, address.bytes()); }
  /// Bytes inside the innermost nest, not an attribute: VETH_INFO_PEER begins with an ifinfomsg.
  void put_raw(std::span<const std::uint8_t> data);
  template <class Struct>
  void put_struct(const Struct& value) {
    put_raw({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  /// Everything put until the matching close() becomes the payload of `attribute`.
  void open(int attribute);
  void close();

  const std::string& what() const { return what_; }
  /// The finished bytes, with `sequence` written into them.
  std::span<const std::uint8_t> finish(std::uint32_t sequence);
  bool wants_ack() const;
  bool is_dump() const;

 private:
  struct Free {
    void operator()(nl_msg* message) const;
  };
  /// For an attribute with a payload of that size. Moves the message, so nobody keeps a pointer into it.
  void make_room(std::size_t payload);

  std::string what_;
  std::unique_ptr<nl_msg, Free> message_;
  std::size_t size_;               // of the message's memory
  std::vector<std::size_t> open_;  // where the nests begin that are not closed yet
};

/// Attributes of a message or of a nest, by number; reading a missing one gives zeros or nothing.
class Attributes {
 public:
  /// Walks `payload`; what is malformed ends the walk.
  explicit Attributes(std::span<const std::uint8_t> payload);

  bool has(int attribute) const { return !get(attribute).empty() || present(attribute); }
  std::span<const std::uint8_t> get(int attribute) const;
  std::uint8_t u8(int attribute) const;
  std::uint16_t u16(int attribute) const;
  std::uint32_t u32(int attribute) const;   // host byte order
  std::uint32_t be32(int attribute) const;  // network byte order
  std::string text(int attribute) const;    // up to the terminating zero
  Attributes nest(int attribute) const { return Attributes(get(attribute)); }

 private:
  bool present(int attribute) const { return attribute < kMax && seen_[static_cast<std::size_t>(attribute)]; }
  static constexpr int kMax = 80;  // above the highest attribute we read
  std::array<std::span<const std::uint8_t>, kMax> found_{};
  std::array<bool, kMax> seen_{};
};

/// A message that came back: its type and what follows the netlink header.
struct Reply {
  std::uint16_t type = 0;
  std::vector<std::uint8_t> payload;

  /// The fixed part; zeros when the payload is shorter.
  template <class Header>
  Header header() const {
    Header out{};
    if (payload.size() >= sizeof out) __builtin_memcpy(&out, payload.data(), sizeof out);
    return out;
  }
  /// The attributes behind a fixed part of `header_size` bytes.
  Attributes attributes(std::size_t header_size) const {
    const std::size_t at = (header_size + 3) & ~std::size_t{3};  // NLMSG_ALIGN
    if (payload.size() < at) return Attributes({});
    return Attributes(std::span(payload).subspan(at));
  }
};

}  // namespace slash32::netlink
