#include "ipam/store.h"

#include <span>

#include "common/bytes.h"
#include "common/sha256.h"

namespace slash32::ipam {
namespace {

constexpr std::size_t kMaxComponent = 128;
constexpr std::uint8_t kWatched = 0x80;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string text_of(ByteWriter& writer) { return text_of(std::span<const std::uint8_t>(writer.data())); }

std::uint32_t checksum(std::string_view key, std::span<const std::uint8_t> value) {  // FNV-1a, 32 bits
  std::uint32_t hash = 2166136261U;
  const auto add = [&](std::span<const std::uint8_t> bytes) {
    for (const auto byte : bytes) hash = (hash ^ byte) * 16777619U;
  };
  add(bytes_of(key));
  add(value);
  return hash;
}

std::string sealed(std::string_view key, const ByteWriter& body) {
  ByteWriter out;
  out.u32(checksum(key, body.data()));
  out.bytes(body.data());
  return text_of(out);
}

/// The body of a value whose checksum is right.
std::optional<ByteReader> opened(std::string_view key, std::string_view value) {
  ByteReader reader(bytes_of(value));
  const auto sum = reader.u32();
  if (reader.failed() || sum != checksum(key, reader.peek())) return std::nullopt;
  return reader;
}

void put_u64(ByteWriter& out, std::uint64_t v) {
  out.u32(static_cast<std::uint32_t>(v >> 32));
  out.u32(static_cast<std::uint32_t>(v));
}
std::uint64_t get_u64(ByteReader& in) {
  const std::uint64_t high = in.u32();
  return high << 32 | in.u32();
}

void put_address(ByteWriter& out, const IpAddress& address) {
  out.u8(static_cast<std::uint8_t>(address.family()));
  out.bytes(address.bytes());
}
std::optional<IpAddress> get_address(ByteReader& in) {
  const auto family = in.u8();
  if (family != 4 && family != 6) return std::nullopt;
  const auto address = IpAddress::from_bytes(in.bytes(family == 4 ? 4 : 16));
  if (!address) return std::nullopt;
  return *address;
}

void put_name(ByteWriter& out, const std::string& name) {
  out.u8(static_cast<std::uint8_t>(name.size()));  // at most 128: stored_form
  out.bytes(bytes_of(name));
}
std::string get_name(ByteReader& in) { return text_of(in.bytes(in.u8())); }

std::string tagged(char tag, AddressFamily family) { return {tag, static_cast<char>(family)}; }

std::string raw(const IpAddress& address) { return text_of(address.bytes()); }

std::string shortened(const std::string& component) {
  return component.size() <= kMaxComponent ? component : "#" + sha256_hex(component);
}

}  // namespace

Key stored_form(const Key& key) {
  return {
      .network = shortened(key.network), .container_id = shortened(key.container_id), .ifname = shortened(key.ifname)};
}

namespace format {

std::string entry_prefix(AddressFamily family) { return tagged('a', family); }
std::string entry_key(const IpAddress& address) { return entry_prefix(address.family()) + raw(address); }
std::string holder_prefix(const std::string& network) { return "k" + shortened(network) + '\0'; }
std::string holder_key(const Key& key) {
  const Key stored = stored_form(key);
  return holder_prefix(key.network) + stored.container_id + '\0' + stored.ifname;
}
std::string cooling_prefix(AddressFamily family) { return tagged('c', family); }
std::string cooling_key(const IpAddress& address, std::chrono::nanoseconds released) {
  ByteWriter time;  // big-endian, so that the queue is in order of time
  put_u64(time, static_cast<std::uint64_t>(released.count()));
  return cooling_prefix(address.family()) + text_of(time) + raw(address);
}
std::string last_key(AddressFamily family, const std::string& network) {
  return tagged('l', family) + shortened(network);
}
std::string meta_key() { return "m"; }
std::string search_key() { return "r"; }

std::string encode(std::string_view key, const Entry& entry) {
  const Key stored = stored_form(entry.key);
  ByteWriter body;
  body.u8(static_cast<std::uint8_t>(static_cast<std::uint8_t>(entry.use) | (entry.watched ? kWatched : 0)));
  body.u8(entry.subnet_length);
  put_u64(body, static_cast<std::uint64_t>(entry.stamp.count()));
  put_address(body, entry.address);
  put_name(body, stored.network);
  put_name(body, stored.container_id);
  put_name(body, stored.ifname);
  return sealed(key, body);
}

std::optional<Entry> decode_entry(std::string_view key, std::string_view value) {
  auto in = opened(key, value);
  if (!in) return std::nullopt;
  Entry entry;
  const auto flags = in->u8();
  entry.watched = (flags & kWatched) != 0;
  entry.use = static_cast<Use>(flags & ~kWatched);
  entry.subnet_length = in->u8();
  entry.stamp = std::chrono::nanoseconds{static_cast<std::int64_t>(get_u64(*in))};
  const auto address = get_address(*in);
  if (!address) return std::nullopt;
  entry.address = *address;
  entry.key.network = get_name(*in);
  entry.key.container_id = get_name(*in);
  entry.key.ifname = get_name(*in);
  if (in->failed() || !in->empty() || entry_key(entry.address) != key || entry.subnet_length > address->bits() ||
      (entry.use != Use::Taken && entry.use != Use::Cooling))
    return std::nullopt;
  return entry;
}

std::string encode(std::string_view key, const std::vector<IpAddress>& addresses) {
  ByteWriter body;
  for (const auto& address : addresses) put_address(body, address);
  return sealed(key, body);
}

std::optional<std::vector<IpAddress>> decode_addresses(std::string_view key, std::string_view value) {
  auto in = opened(key, value);
  if (!in) return std::nullopt;
  std::vector<IpAddress> out;
  while (!in->empty()) {
    const auto address = get_address(*in);
    if (!address) return std::nullopt;
    out.push_back(*address);
  }
  if (in->failed()) return std::nullopt;
  return out;
}

std::string encode_text(std::string_view key, std::string_view text) {
  ByteWriter body;
  body.bytes(bytes_of(text));
  return sealed(key, body);
}

std::optional<std::string> decode_text(std::string_view key, std::string_view value) {
  auto in = opened(key, value);
  if (!in) return std::nullopt;
  return text_of(in->rest());
}

std::optional<Key> decode_holder(std::string_view key) {
  if (!key.starts_with('k')) return std::nullopt;
  key.remove_prefix(1);
  const auto first = key.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = key.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return Key{.network = std::string(key.substr(0, first)),
             .container_id = std::string(key.substr(first + 1, second - first - 1)),
             .ifname = std::string(key.substr(second + 1))};
}

std::optional<Cooling> decode_cooling(std::string_view key) {
  ByteReader in(bytes_of(key));
  if (in.u8() != 'c') return std::nullopt;
  in.u8();  // the family, which the length of the address repeats
  const auto released = std::chrono::nanoseconds{static_cast<std::int64_t>(get_u64(in))};
  const auto address = IpAddress::from_bytes(in.rest());
  if (in.failed() || !address) return std::nullopt;
  return Cooling{.address = *address, .released = released};
}

}  // namespace format
}  // namespace slash32::ipam
