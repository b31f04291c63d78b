#include "common/netlink/request.h"

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace slash32::netlink {
namespace {

// Most requests fit; what does not makes its message grow. libnl zeroes all of it, and its default is a page.
constexpr std::size_t kMessageSize = 256;

// Out of memory while building a message of a few hundred bytes: nothing useful can follow.
void must(int result) {
  if (result < 0) std::abort();
}

}  // namespace

void Request::Free::operator()(nl_msg* message) const { nlmsg_free(message); }

Request::Request(std::string what, std::uint16_t type, std::uint16_t flags, std::span<const std::uint8_t> header)
    : what_(std::move(what)), message_(nlmsg_alloc_size(kMessageSize)), size_(kMessageSize) {
  if (!message_ || nlmsg_put(message_.get(), NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags | NLM_F_REQUEST) == nullptr)
    std::abort();
  put_raw(header);
}

void Request::make_room(std::size_t payload) {
  constexpr std::size_t kAround = sizeof(nlattr) + 2 * NLMSG_ALIGNTO;  // its header, and padding before and after
  const std::size_t needed = nlmsg_hdr(message_.get())->nlmsg_len + payload + kAround;
  if (needed <= size_) return;
  size_ = std::max(needed, 2 * size_);
  must(nlmsg_expand(message_.get(), size_));
}

void Request::put(int attribute, std::span<const std::uint8_t> data) {
  make_room(data.size());
  must(nla_put(message_.get(), attribute, static_cast<int>(data.size()), data.data()));
}

void Request::put_u8(int attribute, std::uint8_t value) { put(attribute, {&value, 1}); }

void Request::put_u32(int attribute, std::uint32_t value) {
  put(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void Request::put_be32(int attribute, std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  put(attribute, bytes);
}

void Request::put_be64(int attribute, std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  put(attribute, bytes);
}

void Request::put_text(int attribute, std::string_view text) {
  const std::string terminated(text);
  put(attribute, {reinterpret_cast<const std::uint8_t*>(terminated.c_str()), terminated.size() + 1});
}

void Request::put_raw(std::span<const std::uint8_t> data) {
  make_room(data.size());
  must(nlmsg_append(message_.get(), const_cast<std::uint8_t*>(data.data()), data.size(), NLMSG_ALIGNTO));
}

void Request::open(int attribute) {
  make_room(0);
  nlattr* nest = nla_nest_start(message_.get(), attribute);
  if (nest == nullptr) std::abort();
  nest->nla_type |= NLA_F_NESTED;
  open_.push_back(
      static_cast<std::size_t>(reinterpret_cast<char*>(nest) - reinterpret_cast<char*>(nlmsg_hdr(message_.get()))));
}

void Request::close() {
  // Not nla_nest_end(): it removes an empty nest, and "lookup" or "counter" expressions may be empty ones.
  auto* begin = reinterpret_cast<char*>(nlmsg_hdr(message_.get())) + open_.back();
  open_.pop_back();
  reinterpret_cast<nlattr*>(begin)->nla_len =
      static_cast<std::uint16_t>(static_cast<char*>(nlmsg_tail(nlmsg_hdr(message_.get()))) - begin);
}

std::span<const std::uint8_t> Request::finish(std::uint32_t sequence) {
  nlmsghdr* header = nlmsg_hdr(message_.get());
  header->nlmsg_seq = sequence;
  return {reinterpret_cast<const std::uint8_t*>(header), header->nlmsg_len};
}

bool Request::wants_ack() const { return (nlmsg_hdr(message_.get())->nlmsg_flags & NLM_F_ACK) != 0; }

bool Request::is_dump() const { return (nlmsg_hdr(message_.get())->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP; }

Attributes::Attributes(std::span<const std::uint8_t> payload) {
  const auto* attribute = reinterpret_cast<const nlattr*>(payload.data());
  int left = static_cast<int>(payload.size());
  while (nla_ok(attribute, left) != 0) {
    const int type = nla_type(attribute);
    if (type < kMax) {
      found_[static_cast<std::size_t>(type)] = {static_cast<const std::uint8_t*>(nla_data(attribute)),
                                                static_cast<std::size_t>(nla_len(attribute))};
      seen_[static_cast<std::size_t>(type)] = true;
    }
    attribute = nla_next(attribute, &left);
  }
}

std::span<const std::uint8_t> Attributes::get(int attribute) const {
  if (attribute < 0 || attribute >= kMax) return {};
  return found_[static_cast<std::size_t>(attribute)];
}

std::uint8_t Attributes::u8(int attribute) const {
  const auto data = get(attribute);
  return data.empty() ? std::uint8_t{0} : data[0];
}

std::uint16_t Attributes::u16(int attribute) const {
  std::uint16_t value = 0;
  if (const auto data = get(attribute); data.size() >= sizeof value) std::memcpy(&value, data.data(), sizeof value);
  return value;
}

std::uint32_t Attributes::u32(int attribute) const {
  std::uint32_t value = 0;
  if (const auto data = get(attribute); data.size() >= sizeof value) std::memcpy(&value, data.data(), sizeof value);
  return value;
}

std::uint32_t Attributes::be32(int attribute) const { return __builtin_bswap32(u32(attribute)); }

std::string Attributes::text(int attribute) const {
  const auto data = get(attribute);
  const auto* begin = reinterpret_cast<const char*>(data.data());
  return {begin, data.empty() ? 0 : ::strnlen(begin, data.size())};
}

}  // namespace slash32::netlink
