// The store: one LMDB file, one transaction a verb, opened for that verb only and under a StoreLock its caller holds.
// It keeps entries, holders, the cool-down queue and round robin's places in step; ipam.cc decides what goes in.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ip.h"
#include "common/result.h"
#include "ipam/allocator.h"
#include "ipam/store.h"

namespace slash32::ipam {

/// The data file's size, allocated when it is made: a full disk is then an error at once, never a SIGBUS later. About
/// 12,000 dual-stack leases. What Take may fill is smaller, so that a Release always finds room to write.
inline constexpr std::size_t kStoreSize = std::size_t{8} << 20;
inline constexpr std::size_t kReleaseReserve = std::size_t{1} << 20;

enum class Access : std::uint8_t { Read, Release, Take };

/// What an error of the store says about it.
enum class StoreFault : std::uint8_t {
  None,        // nothing: no permission, the lock taken for too long, …
  Damaged,     // it is not what we wrote
  OtherBoot,   // it is sound, and everybody in it is dead
  Unwritable,  // the disk is full, read-only or broken
};
StoreFault fault_of(const Error& error);

/// Everything in a store, the damaged parts told apart.
struct StoreContent {
  std::vector<Entry> entries;       // taken and cooling, in order of address
  std::vector<IpAddress> lost;      // an entry or an index names them, but the entry cannot be read
  std::vector<Held> indexed;        // who the holders' index says has an address of `lost`
  std::vector<std::string> damage;  // what is wrong, a sentence each
};

class LmdbFile;

class LmdbStore {
 public:
  static constexpr const char* kLockFile = "lock";  // beside the data
  static std::filesystem::path data_file(const std::filesystem::path& directory);
  /// What a store of this boot has in its head.
  static std::string header(const std::string& boot_id);
  /// Whether a store is there; nothing is opened. Error: the directory does not let us see.
  static Result<bool> exists(const std::filesystem::path& directory);
  /// Makes a store with just these addresses taken or cooling, in their order, beside the old one and then in its
  /// place. Needs the exclusive lock.
  static Status create(const std::filesystem::path& directory, const std::string& boot_id,
                       const std::vector<Entry>& held);
  /// Begins the transaction. The caller holds the lock: exclusive for Release and Take.
  static Result<LmdbStore> open(const std::filesystem::path& directory, const std::string& boot_id, Access access);

  LmdbStore(LmdbStore&&) noexcept;
  LmdbStore& operator=(LmdbStore&&) noexcept;
  ~LmdbStore();

  Result<std::optional<Entry>> find(const IpAddress& address);
  /// What this key holds, IPv4 first; empty when nothing.
  Result<std::vector<Entry>> held_by(const Key& key);
  /// The keys of one network, in stored form.
  Result<std::vector<Key>> holders_of(const std::string& network);
  Status by_address(const IpAddress& from, const Visitor& visit);
  Status by_release(AddressFamily family, const Visitor& visit);
  Result<std::optional<IpAddress>> last_given(AddressFamily family, const std::string& network);

  /// Makes all these addresses the key's: all taken, none before. Also moves round robin behind them.
  Status take(const Key& key, const std::vector<Entry>& entries);
  /// Puts what the key holds into the cool-down queue.
  Status release(const Key& key, std::chrono::nanoseconds now);
  /// Forgets up to `most` addresses whose release is `cool_down` or longer ago.
  Status purge(AddressFamily family, std::chrono::nanoseconds now, std::chrono::nanoseconds cool_down, unsigned most);

  /// When the dead were last looked for; zero: never.
  Result<std::chrono::nanoseconds> last_search();
  Status set_last_search(std::chrono::nanoseconds now);

  /// Without it nothing has happened.
  Status commit();

  Occupancy occupancy();

  /// Reads everything, and goes on where a record is damaged. Error: the file itself is.
  Result<StoreContent> content();

 private:
  explicit LmdbStore(std::unique_ptr<LmdbFile> file);
  Status put_entry(const Entry& entry);
  Status cool(const Entry& entry);
  Status drop_cooling(const IpAddress& address);
  Result<std::vector<IpAddress>> addresses_of(const Key& key);
  std::unique_ptr<LmdbFile> file_;
  std::filesystem::path directory_;  // empty while it is being created
};

}  // namespace slash32::ipam
