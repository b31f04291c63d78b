// The care of a store: making one anew, for the verbs and for slash32ctl, which also looks at all of it and releases
// the dead. The lock is held only while the file is read or written: ADD runs beside it.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/log.h"
#include "common/pod/names.h"
#include "ipam/common.h"
#include "ipam/ipam.h"
#include "ipam/salvage.h"
#include "ipam/store_lock.h"

namespace slash32::ipam {
namespace {

constexpr std::size_t kMostRead = 4 * kStoreSize;  // longer is none of ours, but may begin with one

/// What can be read, and how bad it is.
struct Reading {
  Survey::State state = Survey::State::Sound;
  StoreContent content;
  bool salvaged = false;  // the entries stood anywhere in the file: each may be older than one that is lost
};

/// The file as a whole is no store any more: every record that is still in it, wherever.
Result<Reading> salvaged(const std::filesystem::path& directory, const std::string& boot, const Error& why) {
  const auto file = TRY(read_file(LmdbStore::data_file(directory), kMostRead));
  auto found = salvage({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
  Reading out{.state = Survey::State::Damaged, .content = {}, .salvaged = true};
  out.content.damage.push_back(why.message);
  if (found.header && *found.header != LmdbStore::header(boot)) return out;  // of another boot: nobody lives
  out.content.entries = std::move(found.entries);
  out.content.indexed = std::move(found.unaccounted);
  for (const auto& held : out.content.indexed) out.content.lost.push_back(held.address);
  return out;
}

Result<Reading> read_store(const std::filesystem::path& directory, const std::string& boot) {
  const auto content = [&]() -> Result<StoreContent> {
    return TRY(LmdbStore::open(directory, boot, Access::Read)).content();
  }();
  if (content)
    return Reading{.state = content->damage.empty() ? Survey::State::Sound : Survey::State::Damaged,
                   .content = *content,
                   .salvaged = false};
  const auto fault = fault_of(content.error());
  if (fault == StoreFault::OtherBoot)
    return Reading{.state = Survey::State::OtherBoot, .content = {}, .salvaged = false};
  if (fault == StoreFault::Damaged) return salvaged(directory, boot, content.error());
  return fail(outward(content.error()));
}

/// Whether the links' aliases tell of this store: slash32 itself keeps its pods in it. Where no record can be read they
/// are believed: better an address held too many than one given twice.
bool is_ours(const std::filesystem::path& directory, const KernelView& kernel, const std::vector<Entry>& entries) {
  if (!kernel.held || !kernel.link_alive) return false;
  const auto is_taken = [](const Entry& entry) { return entry.use == Use::Taken; };
  return directory == config::kDefaultDataDir || std::ranges::none_of(entries, is_taken) ||
         std::ranges::any_of(entries, [&](const Entry& entry) { return is_taken(entry) && entry.watched; });
}

/// The entries of a new store, by address.
class Rebuilt {
 public:
  Rebuilt(const std::vector<Entry>& kept, const std::vector<config::IpamRange>& ranges, std::chrono::nanoseconds now)
      : ranges_(&ranges), now_(now) {
    for (const auto& entry : kept) entries_.emplace(entry.address, entry);
  }
  /// Who holds the address so far.
  const Entry* taken(const IpAddress& address) const {
    const auto it = entries_.find(address);
    return it != entries_.end() && it->second.use == Use::Taken ? &it->second : nullptr;
  }
  /// Holds what no readable entry holds, or what a doubtful one does.
  void hold(const IpAddress& address, const Key& key, bool watched) {
    entries_[address] = {.address = address,
                         .subnet_length = subnet_length(address),
                         .use = Use::Taken,
                         .watched = watched && stored_form(key) == key && !is_unknown(key),
                         .stamp = now_,
                         .key = key};
    guessed_.insert(address);
  }
  void hold(const Entry& entry) { entries_[entry.address] = entry; }
  Mended mended() const {
    Mended out;
    for (const auto& [address, entry] : entries_)
      if (entry.use == Use::Taken) ++(guessed_.contains(address) ? out.guessed : out.kept);
    return out;
  }
  std::vector<Entry> entries() const {
    std::vector<Entry> out;
    for (const auto& [address, entry] : entries_) out.push_back(entry);
    return out;
  }

 private:
  std::uint8_t subnet_length(const IpAddress& address) const {
    for (const auto& range : *ranges_)
      if (range.subnet.contains(address)) return range.subnet.length();
    return address.bits();
  }
  std::map<IpAddress, Entry> entries_;
  std::set<IpAddress> guessed_;
  const std::vector<config::IpamRange>* ranges_;
  std::chrono::nanoseconds now_;
};

using Lives = std::function<bool(const Key&)>;

/// A live link's alias is the best there is of its address, but for an entry that is not doubtful (of an unknown holder
/// it always is), or whose own link lives as well. A shortened key's link cannot be told.
void hold_claims(Rebuilt& rebuilt, const std::vector<Held>& claims, bool doubtful, const Lives& lives) {
  for (const auto& claim : claims) {
    const auto* entry = rebuilt.taken(claim.address);
    const bool unsure = entry != nullptr && (doubtful || is_unknown(entry->key));
    const bool overrides = !is_unknown(claim.key) && unsure && entry->key != claim.key &&
                           !pod::is_shortened(entry->key) && !lives(entry->key);
    if (entry == nullptr || overrides) rebuilt.hold(claim.address, claim.key, true);
  }
}

/// An entry that cannot be read, and that no link tells of, is its holder's whom the index names; without one an older
/// version elsewhere in the file counts.
void hold_lost(Rebuilt& rebuilt, const StoreContent& content, const Salvage& old, const Lives& lives) {
  for (const auto& address : content.lost) {
    if (rebuilt.taken(address) != nullptr) continue;
    const auto version = std::ranges::find(old.entries, address, &Entry::address);
    const bool is_held = version != old.entries.end() && version->use == Use::Taken;
    const auto indexed = std::ranges::find(content.indexed, address, &Held::address);
    const auto stale = std::ranges::find(old.unaccounted, address, &Held::address);
    if (is_held && (indexed == content.indexed.end() || indexed->key == version->key))
      rebuilt.hold(*version);
    else if (indexed != content.indexed.end())
      rebuilt.hold(address, indexed->key, lives(indexed->key));
    else if (stale != old.unaccounted.end())
      rebuilt.hold(address, stale->key, lives(stale->key));
    else
      rebuilt.hold(address, unknown_holder(address), false);
  }
}

/// The entries of a new store: what can be read of the old one, what the kernel knows, and what the old one names.
Result<Rebuilt> rebuild(const config::IpamConf& conf, const Reading& reading, const KernelView& kernel, bool ours,
                        std::chrono::nanoseconds now) {
  const Lives lives = [&](const Key& key) { return ours && kernel.link_alive && kernel.link_alive(key); };
  Rebuilt rebuilt(reading.content.entries, conf.ranges, now);
  Salvage old;
  if (!reading.content.lost.empty()) {
    const auto file = TRY(read_file(LmdbStore::data_file(conf.data_dir), kMostRead));
    old = salvage({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
  }
  if (ours && kernel.held) hold_claims(rebuilt, TRY(kernel.held()), reading.salvaged, lives);
  hold_lost(rebuilt, reading.content, old, lives);
  return rebuilt;
}

}  // namespace

Key unknown_holder(const IpAddress& address) {
  return {.network = "unknown", .container_id = std::string(kUnknownHolder) + address.to_string(), .ifname = "unknown"};
}

Result<Survey> Ipam::survey() {
  if (!TRY(outward(LmdbStore::exists(conf_.data_dir)))) return Survey{};
  const auto boot = TRY(boot_id());
  const auto lock =
      TRY(outward(StoreLock::take(conf_.data_dir / LmdbStore::kLockFile, StoreLock::Mode::Shared, deadline_wait_)));
  auto [state, content, salvaged] = TRY(read_store(conf_.data_dir, boot));
  Survey out{.state = state, .records = {}, .damage = std::move(content.damage)};
  for (const auto& entry : content.entries)
    if (entry.use == Use::Taken) out.records.push_back(record_of(entry));
  return out;
}

Result<std::vector<Key>> Ipam::release_dead(const std::vector<Key>& suspects) {
  std::vector<Key> released;
  if (suspects.empty() || !kernel_.held || !kernel_.link_alive || !kernel_.in_use) return released;
  const auto boot = TRY(boot_id());
  std::set<IpAddress> claimed;
  for (const auto& held : TRY(kernel_.held())) claimed.insert(held.address);
  const auto lock =
      TRY(outward(StoreLock::take(conf_.data_dir / LmdbStore::kLockFile, StoreLock::Mode::Exclusive, deadline_wait_)));
  auto store = TRY(outward(LmdbStore::open(conf_.data_dir, boot, Access::Release)));
  const auto now = now_();
  for (const auto& key : suspects) {
    const auto held = TRY(outward(store.held_by(key)));
    const bool dead = !held.empty() && std::ranges::all_of(held, [&](const Entry& entry) {
      return is_old(entry, now) && !claimed.contains(entry.address) && !kernel_.in_use(key, entry.address);
    });
    if (!dead || kernel_.link_alive(key)) continue;
    TRY(outward(store.release(key, now)));
    released.push_back(key);
  }
  if (!released.empty()) TRY(outward(store.commit()));
  return released;
}

Result<std::optional<Mended>> Ipam::mend() {
  const auto boot = TRY(boot_id());
  const auto lock =
      TRY(outward(StoreLock::take(conf_.data_dir / LmdbStore::kLockFile, StoreLock::Mode::Exclusive, deadline_wait_)));
  const auto reading = TRY(read_store(conf_.data_dir, boot));
  if (reading.state != Survey::State::Damaged) return std::optional<Mended>{};
  const bool ours = is_ours(conf_.data_dir, kernel_, reading.content.entries);
  const auto rebuilt = TRY(rebuild(conf_, reading, kernel_, ours, now_()));
  TRY(outward(LmdbStore::create(conf_.data_dir, boot, rebuilt.entries())));
  log::warn("made a damaged address store anew", {{"directory", conf_.data_dir.string()},
                                                  {"kept", std::to_string(rebuilt.mended().kept)},
                                                  {"guessed", std::to_string(rebuilt.mended().guessed)}});
  return std::optional{rebuilt.mended()};
}

/// Makes the store anew for a verb that needs one: from what the kernel says is held, and of a damaged one from all
/// that can still be read, since an ADD that runs meanwhile has an address and no link yet.
Status Ipam::renew(const Error& why) const {
  const bool damaged = fault_of(why) == StoreFault::Damaged;
  if (damaged && !kernel_.held) return fail(cni::kTryAgainLater, why.message, kUnknownHolders);
  const auto boot = TRY(boot_id());
  Reading reading;
  if (damaged) {
    if (auto read = read_store(conf_.data_dir, boot))
      reading = std::move(*read);
    else
      log::warn("nothing can be read of the damaged store", {{"because", read.error().message}});
  }
  // Round robin goes on behind the highest address held: what was free last is not known any more.
  const auto rebuilt = TRY(rebuild(conf_, reading, kernel_, kernel_.held != nullptr, now_()));
  TRY(LmdbStore::create(conf_.data_dir, boot, rebuilt.entries()));
  log::info("made the address store", {{"directory", conf_.data_dir.string()},
                                       {"because", why.message},
                                       {"kept", std::to_string(rebuilt.mended().kept)},
                                       {"held", std::to_string(rebuilt.mended().guessed)}});
  return ok();
}

}  // namespace slash32::ipam
