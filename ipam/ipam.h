// The IPAM as a library: acquire, release, check, collect. The plugin calls it in process; main.cc makes it a CNI IPAM
// binary. One store transaction per verb, under the store's own lock, so no ownerless claim can exist.
// What the kernel knows (aliases, routes, links) comes in through KernelView: nothing here opens a netlink socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/ip.h"
#include "common/pod/key.h"
#include "common/result.h"
#include "config/ipam_conf.h"

namespace slash32::ipam {

/// Who holds an address.
using Key = pod::Key;

/// One address of a lease and the range's subnet it came from.
struct LeasedAddress {
  IpAddress address;
  Prefix subnet;
};

/// At most one address of each family, IPv4 first.
struct Lease {
  std::vector<LeasedAddress> addresses;
};

/// What an ADD may ask for by name (capability `ips`, args.cni.ips, CNI_ARGS IP). Granted, also while cooling, or
/// refused with the reason.
struct Request {
  std::vector<IpAddress> addresses;
};

/// One allocation as stored.
struct Record {
  Key key;
  IpAddress address;
  Prefix subnet;
  std::chrono::nanoseconds since{};  // CLOCK_BOOTTIME when it was taken
  bool watched = false;              // the kernel can tell whether its holder is dead: slash32 made a link for it
};

/// A whole store as it is, whatever state that is.
struct Survey {
  enum class State : std::uint8_t {
    Missing,    // there is none
    OtherBoot,  // everybody in it is dead
    Sound,
    Damaged,  // `records` are what can still be read
  };
  State state = State::Missing;
  std::vector<Record> records;      // taken, ordered by address
  std::vector<std::string> damage;  // what is wrong, a sentence each
};

/// An ADD takes less: a record without a host link that is not older may have its link yet to come.
inline constexpr std::chrono::seconds kGrace{60};

/// What mend() made of a damaged store.
struct Mended {
  std::size_t kept = 0;     // records that could still be read
  std::size_t guessed = 0;  // addresses whose entry is lost: their holder is known from elsewhere, or not at all
};

/// An address and who holds it, as a link's alias says.
struct Held {
  Key key;
  IpAddress address;
};

/// In front of the address, the container ID of a record whose holder was lost with a damaged store, or is told by a
/// route alone.
inline constexpr std::string_view kUnknownHolder = "unknown-";
/// The holder of such a record.
Key unknown_holder(const IpAddress& address);

/// What the kernel says. Empty functions: nothing is known (the IPAM as a binary of its own, called by another plugin).
struct KernelView {
  /// An address is passed over when this says so: it is local to the node, or a unicast host route or the name of a
  /// link other than this key's own (pod::address_name) holds it. That holds for all networks and stores of the node.
  std::function<bool(const Key&, const IpAddress&)> in_use;
  /// Whether the host link of this key exists. A record without one that is older than 60 s is dead.
  std::function<bool(const Key&)> link_alive;
  /// Every address the aliases of our host links claim, with the key they carry, and every one that only a pod's route
  /// (protocol 132) leads to, with an unknown holder: a store that is new, damaged or from another boot is filled from
  /// it.
  std::function<Result<std::vector<Held>>()> held;
};

class LmdbStore;
enum class Access : std::uint8_t;
struct Entry;
struct Search;

/// Times are CLOCK_BOOTTIME, so that a test can turn the clock by hand.
class Ipam {
 public:
  /// `now` is asked once per verb. `deadline_wait` bounds the wait for the store's lock (then CNI code 11).
  Ipam(config::IpamConf conf, KernelView kernel, std::function<std::chrono::nanoseconds()> now,
       std::chrono::milliseconds deadline_wait);

  /// Takes one address per configured family, all or none. A second acquire for the same key is an error (CNI 999), but
  /// for a key that is dead (see link_alive): a restarted container keeps its ID;
  /// full is CNI code 11 with the numbers in `details`.
  Result<Lease> acquire(const Key& key, const Request& request);
  /// Puts the key's addresses into the cool-down queue. A key that holds nothing is success; so is a store that was
  /// never made or is of another boot. Never makes a store anew: one that is damaged, or on a disk that cannot be
  /// written, is a warning where the kernel can tell later who is dead. CNI code 11: the lock was taken for too long.
  Status release(const Key& key);
  /// The key holds exactly these addresses.
  Status check(const Key& key, const std::vector<IpAddress>& addresses);
  /// Releases every record of `network` whose key is not in `valid`. As forgiving as release().
  Status collect(const std::string& network, const std::vector<Key>& valid);
  /// Ranges (or node.json) are there and the state directory is usable. Takes no lock.
  Status status();
  /// Every record, ordered by address. For `slash32ctl ipam show`.
  Result<std::vector<Record>> records();

  /// Everything there is to read, without changing anything. Error: the store cannot be read (CNI code 5), or its lock
  /// was taken for too long (11). For `slash32ctl ipam check`, as are the next two.
  Result<Survey> survey();
  /// Releases those of `suspects` that are dead: every address older than kGrace, no host link, no alias and no host
  /// route that names it, all looked up anew under the lock. Returns their keys, as given.
  Result<std::vector<Key>> release_dead(const std::vector<Key>& suspects);
  /// Makes a damaged store anew from what can still be read of it and, where the kernel knows, from the aliases. An
  /// address whose holder is lost stays held (see kUnknownHolder). Does nothing to a sound one.
  Result<std::optional<Mended>> mend();

 private:
  template <class F>
  auto on_store(Access access, F work) -> std::invoke_result_t<F, LmdbStore&>;
  Status make_directory() const;
  Status renew(const Error& why) const;
  Status forgive(const std::string& what, Error error) const;
  Status clear_own(LmdbStore& store, const Key& key) const;
  Result<Entry> pick(LmdbStore& store, const Search& search, const Request& request) const;
  Status reclaim_dead(LmdbStore& store, std::chrono::nanoseconds now) const;
  Result<std::set<Key>> unused_of(const std::map<Key, std::vector<IpAddress>>& holders) const;

  config::IpamConf conf_;
  KernelView kernel_;
  std::function<std::chrono::nanoseconds()> now_;
  std::chrono::milliseconds deadline_wait_;
};

/// CLOCK_BOOTTIME: goes on while the machine sleeps. What `now` is outside tests.
std::chrono::nanoseconds boot_time();

}  // namespace slash32::ipam
