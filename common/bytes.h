// The only code that knows byte order. A read past the end yields zeros, empties the reader and is remembered:
// decoders read like the RFC's diagram, loops end, and failed() is asked once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace slash32 {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> data = {}) : data_(data) {}

  std::span<const std::uint8_t> bytes(std::size_t n) {
    if (n > data_.size()) {
      failed_ = true;
      data_ = {};
      return {};
    }
    const auto head = data_.first(n);
    data_ = data_.subspan(n);
    return head;
  }
  std::uint8_t u8() {
    const auto b = bytes(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  std::uint16_t u16() {
    const auto b = bytes(2);
    return b.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(b[0] << 8 | b[1]);
  }
  std::uint32_t u32() {
    const auto b = bytes(4);
    if (b.empty()) return 0;
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
  }
  /// The next `n` bytes as a reader of their own, so that nobody reads into the neighbour. When fewer are left, this
  /// reader fails and the sub-reader is empty.
  ByteReader sub(std::size_t n) { return ByteReader{bytes(n)}; }
  std::span<const std::uint8_t> rest() { return bytes(data_.size()); }
  std::span<const std::uint8_t> peek() const { return data_; }
  std::size_t size() const { return data_.size(); }
  bool empty() const { return data_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::span<const std::uint8_t> data_;
  bool failed_ = false;
};

class ByteWriter {
 public:
  ByteWriter() = default;
  /// With room for so many bytes, which it may exceed: growing from nothing costs an allocation for each doubling.
  explicit ByteWriter(std::size_t room) { out_.reserve(room); }

  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::uint16_t v) {
    u8(static_cast<std::uint8_t>(v >> 8));
    u8(static_cast<std::uint8_t>(v));
  }
  void u32(std::uint32_t v) {
    u16(static_cast<std::uint16_t>(v >> 16));
    u16(static_cast<std::uint16_t>(v));
  }
  void bytes(std::span<const std::uint8_t> v) { out_.insert(out_.end(), v.begin(), v.end()); }
  /// Overwrites two bytes written before, for lengths known only afterwards. `at` must lie within what was written.
  void patch_u16(std::size_t at, std::uint16_t v) {
    out_[at] = static_cast<std::uint8_t>(v >> 8);
    out_[at + 1] = static_cast<std::uint8_t>(v);
  }
  void patch_u8(std::size_t at, std::uint8_t v) { out_[at] = v; }
  std::size_t size() const { return out_.size(); }
  const std::vector<std::uint8_t>& data() const { return out_; }
  std::vector<std::uint8_t> take() { return std::move(out_); }

 private:
  std::vector<std::uint8_t> out_;
};

/// Builds a message whose size is known beforehand without allocating. What does not fit is not written.
template <std::size_t Size>
class FixedWriter {
 public:
  void u8(std::uint8_t v) {
    if (at_ < Size) out_[at_++] = v;
  }
  void u16(std::uint16_t v) {
    u8(static_cast<std::uint8_t>(v >> 8));
    u8(static_cast<std::uint8_t>(v));
  }
  void u32(std::uint32_t v) {
    u16(static_cast<std::uint16_t>(v >> 16));
    u16(static_cast<std::uint16_t>(v));
  }
  const std::array<std::uint8_t, Size>& data() const { return out_; }

 private:
  std::array<std::uint8_t, Size> out_{};
  std::size_t at_ = 0;
};

}  // namespace slash32
