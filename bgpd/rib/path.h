// What the RIB keeps of one prefix: the paths of its peers (Adj-RIB-In) and what was chosen (Loc-RIB). A node is 28
// bytes with one path in it; more paths are an array beside it. Attribute sets and next hops are ids (interner.h).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "common/ip.h"

namespace slash32::bgp {

using PrefixId = std::uint32_t;  // within one family's table; used again after the prefix is forgotten
using SetId = std::uint32_t;     // an interned attribute set; 0: none
using PeerSlot = std::uint16_t;  // a peer inside the RIB; used again after the peer is removed
inline constexpr PrefixId kNoPrefix = 0xffffffffU;
inline constexpr PeerSlot kLocalSlot = 0;  // "peer" of our own routes
inline constexpr PeerSlot kNoSlot = 0xffffU;

inline constexpr std::size_t kFamilies = 2;
inline constexpr std::size_t index_of(AddressFamily family) { return family == AddressFamily::IPv4 ? 0 : 1; }
inline constexpr AddressFamily family_of(std::size_t index) {
  return index == 0 ? AddressFamily::IPv4 : AddressFamily::IPv6;
}

/// Why a received route is kept out of the decision. Kept in Adj-RIB-In and shown all the same.
enum class Refusal : std::uint8_t {
  None,
  OwnAs,          // RFC 4271 section 9.1.2: AS loop
  FirstAs,        // RFC 4271 section 6.3: the leftmost AS is not the neighbour's
  OwnOriginator,  // RFC 4456 section 8
  OwnCluster,     // RFC 4456 section 8
  OwnNextHop,     // RFC 4271 section 6.3
  RouteLeak,      // RFC 9234 section 5
  LivePod,
  OwnRange,
  CoversOwnRange,
  InsideOwnRange,  // from eBGP
  DefaultRoute,
  Martian,
  Connected,     // from eBGP: a subnet of the node's, or inside one
  GuardedRange,  // from eBGP: guard.ranges
  NoPolicy,      // RFC 8212
  Policy,
};

struct Path {
  SetId received = 0;         // before import policy
  SetId accepted = 0;         // after it; 0 when refused
  std::uint32_t path_id = 0;  // the peer's own, where RFC 7911 is negotiated
  PeerSlot peer = kNoSlot;
  Refusal refusal = Refusal::None;
  bool stale : 1 = false;       // RFC 4724 section 4.2
  bool best : 1 = false;        // Loc-RIB holds it
  bool long_lived : 1 = false;  // stale beyond that (RFC 9494 section 4.2)
  bool noted : 1 = false;       // the best of the last decision, and the same since
  bool unsaid : 1 = false;      // its peer is refreshing (RFC 7313 section 4) and has not said it again
};

/// The paths of one prefix: one inline, several in an array. 20 bytes.
class PathList {
 public:
  PathList() = default;
  PathList(const PathList&) = delete;
  PathList& operator=(const PathList&) = delete;
  ~PathList() { release(); }

  std::span<Path> all() { return {data(), size_}; }
  std::span<const Path> all() const { return {data(), size_}; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Path* find(PeerSlot peer, std::uint32_t path_id = 0) {
    for (Path& path : all())
      if (path.peer == peer && path.path_id == path_id) return &path;
    return nullptr;
  }
  /// A stale path of this peer, with these attributes as received where they are given.
  Path* find_stale(PeerSlot peer, std::optional<SetId> received) {
    for (Path& path : all())
      if (path.peer == peer && path.stale && (!received || path.received == *received)) return &path;
    return nullptr;
  }
  /// Some path of this peer, whatever its path id.
  bool has(PeerSlot peer) const {
    for (const Path& path : all())
      if (path.peer == peer) return true;
    return false;
  }
  const Path* best() const {
    for (const Path& path : all())
      if (path.best) return &path;
    return nullptr;
  }
  Path& add(PeerSlot peer, std::uint32_t path_id = 0) {
    if (size_ == capacity_) reserve(static_cast<std::uint16_t>(capacity_ * 2));
    Path& path = data()[size_++];
    path = Path{};
    path.peer = peer;
    path.path_id = path_id;
    return path;
  }
  /// Removes the path at `path`, which must be one of all(); the others may change places.
  void remove(Path* path) {
    *path = data()[--size_];
    if (size_ == 1 && capacity_ > 1) {
      const Path last = data()[0];
      release();
      capacity_ = 1;
      data()[0] = last;
    }
  }

 private:
  struct Many {
    Path* paths = nullptr;
  };
  Path* data() const {
    if (capacity_ == 1) return reinterpret_cast<Path*>(const_cast<unsigned char*>(bytes_));
    Many many;
    std::memcpy(&many, bytes_, sizeof many);
    return many.paths;
  }
  void reserve(std::uint16_t capacity) {
    const Many many{static_cast<Path*>(std::malloc(capacity * sizeof(Path)))};
    if (many.paths == nullptr) std::abort();
    std::memcpy(static_cast<void*>(many.paths), data(), size_ * sizeof(Path));
    release();
    std::memcpy(bytes_, &many, sizeof many);
    capacity_ = capacity;
  }
  void release() {
    if (capacity_ > 1) std::free(data());
  }
  alignas(Path) unsigned char bytes_[sizeof(Path)] = {};  // a Path, or a pointer to `capacity_` of them
  std::uint16_t size_ = 0;
  std::uint16_t capacity_ = 1;
};

struct Node {
  PathList paths;
  std::uint32_t fib = 0;  // interned next hops that the kernel is to have; 0: none
  enum class Work : std::uint8_t { None, Ordinary, Urgent };
  std::uint32_t held : 24 = 0;  // pending queues that still name this id: it must not be used again
  Work work : 5 = Work::None;   // its place in the work queue
  bool fib_noted : 1 = false;   // it stands in the list of what changed for the kernel
  bool had_best : 1 = false;    // the last decision had a winner
  bool reimport : 1 = false;    // guard and import policy are to be asked again before the decision
};
static_assert(sizeof(Node) == 28, "there is one for every prefix");

}  // namespace slash32::bgp
