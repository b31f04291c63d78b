// A sink whose octets differ from what is known at its place is read by itself, each time.
#include "tests/bench/bgpbench/peers/reader.h"

#include <algorithm>

namespace bench {
namespace {

constexpr std::size_t kMost = std::size_t{64} << 20;  // octets of messages; later ones are not remembered
constexpr std::size_t kEndOfRib = 30;                 // octets, at most

}  // namespace

bool Reader::decode(std::span<const std::uint8_t> message, Read& out) {
  if (!read_update(message, ipv6_, expected_, routes_)) return false;
  index_->resolve(routes_.withdrawn, out.withdrawn);
  index_->resolve(routes_.announced, out.announced);
  out.hash = routes_.hash;
  out.end_of_rib = routes_.end_of_rib;
  return true;
}

const Read* Reader::read(std::span<const std::uint8_t> message, std::size_t& position) {
  const bool is_short = message.size() <= kEndOfRib;
  const std::size_t at = is_short ? known_.size() : position++;
  if (at < known_.size() && std::ranges::equal(known_[at].message, message)) return &known_[at].read;
  if (!remember_ || is_short || at != known_.size() || bytes_ + message.size() > kMost)
    return decode(message, once_) ? &once_ : nullptr;
  Known made{.message = Stream(message.begin(), message.end()), .read = {}};
  if (!decode(message, made.read)) return nullptr;
  bytes_ += message.size();
  known_.push_back(std::move(made));
  return &known_.back().read;
}

}  // namespace bench
