#include "ipam/lmdb_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <span>
#include <utility>

#include "common/fd.h"
#include "common/scope_guard.h"
#include "ipam/lmdb_check.h"
#include "ipam/lmdb_file.h"

namespace slash32::ipam {
namespace {

constexpr const char* kDataFile = "ipam.mdb";
constexpr const char* kNewFile = "ipam.mdb.new";
constexpr const char* kStampFile = "ipam.stamp";
constexpr const char* kFormat = "1 ";  // in front of the boot; another format is another store

std::unexpected<Error> damaged(const std::string& what) { return fail(kDamagedFile, "damaged store: " + what); }

/// Inode and time of the last change of the data file, as the last of us left it.
std::string stamp_of(const struct stat& info) {
  return std::to_string(info.st_ino) + " " + std::to_string(info.st_ctim.tv_sec) + " " +
         std::to_string(info.st_ctim.tv_nsec);
}

/// Notes that the data file is as we left it. A note that cannot be written costs the next one a walk through the file.
void leave_stamp(const std::filesystem::path& directory) {
  struct stat info{};
  if (::stat((directory / kDataFile).c_str(), &info) != 0) return;
  const UniqueFd fd{::open((directory / kStampFile).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (fd) (void)write_all(fd.get(), stamp_of(info));
}

/// Walks the whole file when somebody else has changed it since we did, or one of us was killed after a commit.
Status verify(const std::filesystem::path& directory, Access access) {
  const auto path = directory / kDataFile;
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return disk_fail("open " + path.string());
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return sys_fail("look at " + path.string());
  if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) != kStoreSize)
    return damaged(path.string() + " is not a file of " + std::to_string(kStoreSize) + " bytes");
  if (const auto stamp = read_file(directory / kStampFile); stamp && *stamp == stamp_of(info)) return ok();
  void* const map = ::mmap(nullptr, kStoreSize, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (map == MAP_FAILED) return sys_fail("map " + path.string());
  const ScopeGuard unmap{[&] { ::munmap(map, kStoreSize); }};
  const std::span<const std::uint8_t> bytes(static_cast<const std::uint8_t*>(map), kStoreSize);
  if (auto sound = check_lmdb(bytes, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))); !sound)
    return damaged(path.string() + ": " + sound.error().message);
  if (access != Access::Read) leave_stamp(directory);
  return ok();
}

}  // namespace

StoreFault fault_of(const Error& error) {
  return error.code == kDamagedFile  ? StoreFault::Damaged
         : error.code == kOtherBoot  ? StoreFault::OtherBoot
         : error.code == kUnwritable ? StoreFault::Unwritable
                                     : StoreFault::None;
}

LmdbStore::LmdbStore(std::unique_ptr<LmdbFile> file) : file_(std::move(file)) {}
LmdbStore::LmdbStore(LmdbStore&&) noexcept = default;
LmdbStore& LmdbStore::operator=(LmdbStore&&) noexcept = default;
LmdbStore::~LmdbStore() = default;

std::filesystem::path LmdbStore::data_file(const std::filesystem::path& directory) { return directory / kDataFile; }
std::string LmdbStore::header(const std::string& boot_id) { return kFormat + boot_id; }

Result<bool> LmdbStore::exists(const std::filesystem::path& directory) {
  struct stat info{};
  const auto path = directory / kDataFile;
  if (::stat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return disk_fail("look at " + path.string());
}

Status LmdbStore::create(const std::filesystem::path& directory, const std::string& boot_id,
                         const std::vector<Entry>& held) {
  const auto fresh = directory / kNewFile;
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return disk_fail("remove " + fresh.string());
  ScopeGuard remove{[&] { ::unlink(fresh.c_str()); }};
  {
    LmdbStore store{TRY(LmdbFile::open(fresh, LmdbFile::Mode::Create, kStoreSize, kStoreSize))};
    TRY(store.file_->put(format::meta_key(), format::encode_text(format::meta_key(), header(boot_id))));
    for (const auto& entry : held) TRY(entry.use == Use::Taken ? store.take(entry.key, {entry}) : store.cool(entry));
    TRY(store.commit());
  }
  // In place by rename: a process killed here leaves the old store or the new one.
  if (::rename(fresh.c_str(), (directory / kDataFile).c_str()) != 0)
    return disk_fail("rename " + fresh.string() + " to " + kDataFile);
  remove.dismiss();
  return ok();
}

Result<LmdbStore> LmdbStore::open(const std::filesystem::path& directory, const std::string& boot_id, Access access) {
  TRY(verify(directory, access));
  const auto mode = access == Access::Read ? LmdbFile::Mode::Read : LmdbFile::Mode::Write;
  const auto may_fill = access == Access::Take ? kStoreSize - kReleaseReserve : kStoreSize;
  LmdbStore store{TRY(LmdbFile::open(directory / kDataFile, mode, kStoreSize, may_fill))};
  store.directory_ = directory;
  const auto value = TRY(store.file_->get(format::meta_key()));
  const auto meta = value ? format::decode_text(format::meta_key(), *value) : std::nullopt;
  if (!meta || !meta->starts_with(kFormat)) return damaged("no header of ours in " + (directory / kDataFile).string());
  if (*meta != header(boot_id)) return fail(kOtherBoot, (directory / kDataFile).string() + " is of another boot");
  return store;
}

Result<std::optional<Entry>> LmdbStore::find(const IpAddress& address) {
  const auto key = format::entry_key(address);
  const auto value = TRY(file_->get(key));
  if (!value) return std::optional<Entry>{};
  auto entry = format::decode_entry(key, *value);
  if (!entry) return damaged("entry of " + address.to_string());
  return entry;
}

Result<std::vector<IpAddress>> LmdbStore::addresses_of(const Key& key) {
  const auto stored = format::holder_key(key);
  const auto value = TRY(file_->get(stored));
  if (!value) return std::vector<IpAddress>{};
  auto addresses = format::decode_addresses(stored, *value);
  if (!addresses) return damaged("addresses of container " + key.container_id);
  return std::move(*addresses);
}

Result<std::vector<Entry>> LmdbStore::held_by(const Key& key) {
  std::vector<Entry> out;
  for (const auto& address : TRY(addresses_of(key))) {
    const auto entry = TRY(find(address));
    if (!entry || entry->use != Use::Taken || entry->key != stored_form(key))
      return damaged(address.to_string() + " is not its holder's");
    out.push_back(*entry);
  }
  std::ranges::sort(out, {}, &Entry::address);
  return out;
}

Result<std::vector<Key>> LmdbStore::holders_of(const std::string& network) {
  std::vector<Key> out;
  const auto prefix = format::holder_prefix(network);
  TRY(file_->walk(prefix, prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    auto holder = format::decode_holder(key);
    if (!holder) return damaged("a holder's key");
    out.push_back(std::move(*holder));
    return true;
  }));
  return out;
}

Status LmdbStore::by_address(const IpAddress& from, const Visitor& visit) {
  return file_->walk(format::entry_key(from), format::entry_prefix(from.family()),
                     [&](std::string_view key, std::string_view value) -> Result<bool> {
                       const auto entry = format::decode_entry(key, value);
                       if (!entry) return damaged("an entry");
                       return visit(*entry);
                     });
}

Status LmdbStore::by_release(AddressFamily family, const Visitor& visit) {
  const auto prefix = format::cooling_prefix(family);
  return file_->walk(prefix, prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    const auto cooling = format::decode_cooling(key);
    if (!cooling || cooling->address.family() != family) return damaged("a place in the cool-down queue");
    const auto entry = TRY(find(cooling->address));
    if (!entry || entry->use != Use::Cooling || entry->stamp != cooling->released)
      return damaged("the cool-down queue and the entry of " + cooling->address.to_string() + " differ");
    return visit(*entry);
  });
}

Result<std::optional<IpAddress>> LmdbStore::last_given(AddressFamily family, const std::string& network) {
  const auto key = format::last_key(family, network);
  const auto value = TRY(file_->get(key));
  if (!value) return std::optional<IpAddress>{};
  const auto addresses = format::decode_addresses(key, *value);
  if (!addresses || addresses->size() != 1 || addresses->front().family() != family)
    return damaged("the address given last in network " + network);
  return std::optional<IpAddress>{addresses->front()};
}

Status LmdbStore::put_entry(const Entry& entry) {
  const auto key = format::entry_key(entry.address);
  return file_->put(key, format::encode(key, entry));
}

Status LmdbStore::cool(const Entry& entry) {
  TRY(put_entry(entry));
  return file_->put(format::cooling_key(entry.address, entry.stamp), {});
}

Status LmdbStore::drop_cooling(const IpAddress& address) {
  const auto old = TRY(find(address));
  if (!old) return ok();
  if (old->use == Use::Taken) return damaged(address.to_string() + " would be taken twice");
  return file_->remove(format::cooling_key(address, old->stamp));
}

Status LmdbStore::take(const Key& key, const std::vector<Entry>& entries) {
  auto addresses = TRY(addresses_of(key));
  for (const auto& entry : entries) {
    TRY(drop_cooling(entry.address));
    Entry taken = entry;
    taken.key = key;
    taken.use = Use::Taken;
    TRY(put_entry(taken));
    addresses.push_back(entry.address);
    const auto last = format::last_key(entry.address.family(), key.network);
    TRY(file_->put(last, format::encode(last, std::vector{entry.address})));
  }
  const auto holder = format::holder_key(key);
  return file_->put(holder, format::encode(holder, addresses));
}

Status LmdbStore::release(const Key& key, std::chrono::nanoseconds now) {
  for (Entry entry : TRY(held_by(key))) {
    entry.use = Use::Cooling;
    entry.stamp = now;
    TRY(cool(entry));
  }
  return file_->remove(format::holder_key(key));
}

Status LmdbStore::purge(AddressFamily family, std::chrono::nanoseconds now, std::chrono::nanoseconds cool_down,
                        unsigned most) {
  std::vector<Entry> over;
  TRY(by_release(family, [&](const Entry& entry) {
    if (now - entry.stamp < cool_down || over.size() >= most) return false;
    over.push_back(entry);
    return true;
  }));
  for (const auto& entry : over) {
    TRY(file_->remove(format::entry_key(entry.address)));
    TRY(file_->remove(format::cooling_key(entry.address, entry.stamp)));
  }
  return ok();
}

Result<std::chrono::nanoseconds> LmdbStore::last_search() {
  const auto value = TRY(file_->get(format::search_key()));
  if (!value) return std::chrono::nanoseconds{0};
  const auto text = format::decode_text(format::search_key(), *value);
  std::int64_t count = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), count).ec != std::errc{})
    return damaged("the time of the last search for the dead");
  return std::chrono::nanoseconds{count};
}

Status LmdbStore::set_last_search(std::chrono::nanoseconds now) {
  return file_->put(format::search_key(), format::encode_text(format::search_key(), std::to_string(now.count())));
}

Status LmdbStore::commit() {
  TRY(file_->commit());
  if (!directory_.empty()) leave_stamp(directory_);
  return ok();
}

Occupancy LmdbStore::occupancy() {
  return {.by_address = [this](const IpAddress& from, const Visitor& visit) { return by_address(from, visit); },
          .by_release = [this](AddressFamily family, const Visitor& visit) { return by_release(family, visit); }};
}

}  // namespace slash32::ipam
