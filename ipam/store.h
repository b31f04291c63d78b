// What the IPAM remembers of an address, and how it is written: pure values and their bytes. lmdb_store.h keeps them.
//   a <family><address>            -> entry: taken or cooling, since when, whose
//   k <network>\0<cid>\0<ifname>   -> the addresses this key holds
//   c <family><released><address>  -> nothing: the cool-down queue, oldest first
//   l <family><network>            -> the address given last: where round robin goes on
//   m                              -> format and boot
//   r                              -> when the dead were last looked for
// Every value begins with a checksum over its key and itself: LMDB has none, and a flipped bit must not pass as an
// owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "ipam/ipam.h"

namespace slash32::ipam {

enum class Use : std::uint8_t { Taken = 1, Cooling = 2 };

/// An address that is not simply free.
struct Entry {
  IpAddress address;
  std::uint8_t subnet_length = 0;
  Use use = Use::Taken;
  bool watched = false;              // whether KernelView::link_alive can tell that its holder is dead
  std::chrono::nanoseconds stamp{};  // CLOCK_BOOTTIME when it was taken or released
  Key key;                           // who holds it, or held it last
  bool operator==(const Entry&) const = default;
};

/// The key as stored: a component longer than 128 bytes is replaced by '#' and its SHA-256, as LMDB's keys end at 511
/// bytes ('#' is in no valid name).
Key stored_form(const Key& key);

namespace format {

inline constexpr std::size_t kMaxKey = 511;     // LMDB's own limit
inline constexpr std::size_t kMaxValue = 1024;  // longer is damage

std::string entry_key(const IpAddress& address);
std::string entry_prefix(AddressFamily family);
std::string holder_key(const Key& key);
std::string holder_prefix(const std::string& network);
std::string cooling_key(const IpAddress& address, std::chrono::nanoseconds released);
std::string cooling_prefix(AddressFamily family);
std::string last_key(AddressFamily family, const std::string& network);
std::string meta_key();
std::string search_key();

/// Values, with their checksum in front. Decoders give nothing for anything but exactly what an encoder wrote.
std::string encode(std::string_view key, const Entry& entry);
std::optional<Entry> decode_entry(std::string_view key, std::string_view value);
std::string encode(std::string_view key, const std::vector<IpAddress>& addresses);
std::optional<std::vector<IpAddress>> decode_addresses(std::string_view key, std::string_view value);
std::string encode_text(std::string_view key, std::string_view text);
std::optional<std::string> decode_text(std::string_view key, std::string_view value);
/// The network, container ID and interface a holder_key names.
std::optional<Key> decode_holder(std::string_view key);
/// Address and time of a cooling_key.
struct Cooling {
  IpAddress address;
  std::chrono::nanoseconds released{};
};
std::optional<Cooling> decode_cooling(std::string_view key);

}  // namespace format
}  // namespace slash32::ipam
