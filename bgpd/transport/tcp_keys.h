// How the segments of a peer are signed: TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925), on a listener or a connected socket.
//
// The kernel has TCP-AO since Linux 6.7, where CONFIG_TCP_AO is set. Headers of Debian 12 do not know it, so numbers
// and layout of what it is asked stand here; they are the kernel's interface and stay as they are.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ip.h"
#include "common/result.h"
#include "common/tcp_ao_algorithm.h"

namespace slash32::bgp {

/// A master key tuple (RFC 5925 section 3.1).
struct AoKey {
  std::uint8_t send_id = 0;
  std::uint8_t receive_id = 0;
  TcpAoAlgorithm algorithm = TcpAoAlgorithm::HmacSha1;
  std::string secret;
  bool operator==(const AoKey&) const = default;
};

/// Never both kinds.
struct TcpKeys {
  std::string md5;        // empty: none
  std::vector<AoKey> ao;  // the first one is sent with at first
  TcpKeys() = default;
  explicit TcpKeys(std::string md5_key) : md5(std::move(md5_key)) {}
  bool empty() const { return md5.empty() && ao.empty(); }
  bool operator==(const TcpKeys&) const = default;
};
inline constexpr std::size_t kMaxTcpKey = 80;  // octets, of either kind

/// Whether this kernel has TCP-AO. Error: that it has not, for people.
Status tcp_ao_is_there();

/// What `now` has in the place of `known` (which the socket has) for segments from `peer`. New keys of TCP-AO come
/// first, then the neighbour is asked to sign with the first of `now` (RNextKeyID, RFC 5925 section 7.5.2), and old
/// ones go last, so that a session goes on. `accepted_by`: the range whose keys of TCP-AO a listener had when it
/// accepted this connection; the kernel knows them by it. Error: names the peer; some of it may be done, and `known` is
/// what the socket has then.
Status change_tcp_keys(int fd, const Prefix& peer, TcpKeys& known, const TcpKeys& now,
                       const std::optional<Prefix>& accepted_by = std::nullopt);

// ---------------------------------------------------------------- as the kernel has it (linux/tcp.h, 6.7)
namespace ao_abi {
inline constexpr int kAddKey = 38;  // TCP_AO_ADD_KEY
inline constexpr int kDelKey = 39;  // TCP_AO_DEL_KEY
inline constexpr int kInfo = 40;    // TCP_AO_INFO
inline constexpr std::uint32_t kSetCurrent = 1, kSetRnext = 2;

struct alignas(8) AddKey {
  sockaddr_storage address;
  char algorithm[64];
  std::int32_t interface;
  std::uint32_t flags;
  std::uint16_t reserved;
  std::uint8_t prefix, send_id, receive_id, mac_size, key_flags, key_size;
  std::uint8_t key[80];
};
struct alignas(8) DelKey {
  sockaddr_storage address;
  std::int32_t interface;
  std::uint32_t flags;
  std::uint16_t reserved;
  std::uint8_t prefix, send_id, receive_id, current_key, rnext, key_flags;
};
struct alignas(8) Info {
  std::uint32_t flags;
  std::uint16_t reserved;
  std::uint8_t current_key, rnext;
  std::uint64_t good, bad, key_not_found, required, dropped_icmp;  // segments
};
static_assert(sizeof(AddKey) == 288 && sizeof(DelKey) == 144 && sizeof(Info) == 48);

AddKey add_key(const Prefix& peer, const AoKey& key);
/// `next` takes the place of the one that goes, where there is one.
DelKey del_key(const Prefix& peer, const AoKey& key, const AoKey* next);
/// RNextKeyID: the neighbour shall sign with this one.
Info ask_for(const AoKey& key);
}  // namespace ao_abi

}  // namespace slash32::bgp
