#include "ipam/ipam.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <set>
#include <utility>

#include "common/cni/error.h"
#include "common/log.h"
#include "ipam/allocator.h"
#include "ipam/common.h"
#include "ipam/lmdb_store.h"
#include "ipam/store.h"
#include "ipam/store_lock.h"

namespace slash32::ipam {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kSearchAgain = 10s;  // between two searches for the dead, but before "full"
constexpr unsigned kPurgedPerVerb = 16;                 // what is over is forgotten a little at a time

std::string name_of(const Key& key) {
  return "container " + key.container_id + ", interface " + key.ifname + ", network " + key.network;
}

bool has_family(const std::vector<config::IpamRange>& ranges, AddressFamily family) {
  return std::ranges::any_of(ranges, [&](const auto& range) { return range.subnet.family() == family; });
}

/// What is worth making the store anew for.
bool is_lost(const Error& error) {
  return fault_of(error) == StoreFault::Damaged || fault_of(error) == StoreFault::OtherBoot;
}

/// What a search left out because the kernel says that somebody has it: told in one line, whatever becomes of it.
class PassedOver {
 public:
  explicit PassedOver(const Key& key) : key_(&key) {}
  PassedOver(const PassedOver&) = delete;
  PassedOver& operator=(const PassedOver&) = delete;
  ~PassedOver() {
    if (count_ == 0) return;
    log::warn("addresses passed over: local to the node, or somebody's host route leads there",
              {{"count", std::to_string(count_)}, {"first", first_.to_string()}, {"container", key_->container_id}});
  }
  void add(const IpAddress& address) {
    if (count_++ == 0) first_ = address;
  }

 private:
  const Key* key_;
  unsigned count_ = 0;
  IpAddress first_;
};

/// The directory itself, or the nearest above it that exists.
std::filesystem::path nearest_existing(std::filesystem::path path) {
  struct stat info{};
  while (path.has_relative_path() && ::stat(path.c_str(), &info) != 0 && (errno == ENOENT)) path = path.parent_path();
  return path;
}

}  // namespace

std::chrono::nanoseconds boot_time() {
  std::timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

Ipam::Ipam(config::IpamConf conf, KernelView kernel, std::function<std::chrono::nanoseconds()> now,
           std::chrono::milliseconds deadline_wait)
    : conf_(std::move(conf)), kernel_(std::move(kernel)), now_(std::move(now)), deadline_wait_(deadline_wait) {}

/// Runs one transaction under the lock. A store of another boot, or one that is damaged where the kernel knows what is
/// held, is made anew, and the work done on that; but not for a release, which must go where nothing can be written.
template <class F>
auto Ipam::on_store(Access access, F work) -> std::invoke_result_t<F, LmdbStore&> {
  const auto boot = TRY(boot_id());
  const auto attempt = [&]() -> std::invoke_result_t<F, LmdbStore&> {
    auto store = TRY(LmdbStore::open(conf_.data_dir, boot, access));
    return work(store);
  };
  const auto lock_file = conf_.data_dir / LmdbStore::kLockFile;
  std::optional<StoreLock> lock;
  if (access == Access::Read) {
    lock = TRY(StoreLock::take(lock_file, StoreLock::Mode::Shared, deadline_wait_));
    auto done = attempt();
    if (done || !is_lost(done.error())) return done;
    lock.reset();  // ours would keep us from the exclusive one
  }
  lock = TRY(StoreLock::take(lock_file, StoreLock::Mode::Exclusive, deadline_wait_));
  if (access == Access::Take && !TRY(LmdbStore::exists(conf_.data_dir)))
    TRY(renew(Error{cni::kInternal, "there was none", {}}));
  auto done = attempt();
  if (done || access == Access::Release || !is_lost(done.error())) return done;
  TRY(renew(done.error()));
  return attempt();
}

Status Ipam::make_directory() const {
  if (conf_.data_dir.has_parent_path()) TRY(make_directories(conf_.data_dir.parent_path()));
  if (::mkdir(conf_.data_dir.c_str(), 0700) != 0 && errno != EEXIST)
    return sys_fail("create " + conf_.data_dir.string());
  return ok();
}

Result<Lease> Ipam::acquire(const Key& key, const Request& request) {
  const auto ranges = TRY(config::effective_ranges(conf_));
  for (const auto& address : request.addresses)
    if (!has_family(ranges, address.family()))
      return fail(cni::kInvalidConfig, "the requested address " + address.to_string() + " is in none of the ranges");
  TRY(make_directory());
  return outward(on_store(Access::Take, [&](LmdbStore& store) -> Result<Lease> {
    TRY(clear_own(store, key));
    Search search{
        .family = {}, .ranges = ranges, .last = {}, .now = now_(), .cool_down = conf_.cool_down, .in_use = {}};
    PassedOver passed_over(key);
    if (kernel_.in_use)
      search.in_use = [&](const IpAddress& address) {
        const bool used = kernel_.in_use(key, address);
        const bool asked_for = std::ranges::find(request.addresses, address) != request.addresses.end();
        if (used && !asked_for) passed_over.add(address);  // what was asked for by name is refused with the reason
        return used;
      };
    std::vector<Entry> entries;
    for (const auto family : kFamilies) {
      if (!has_family(ranges, family)) continue;
      TRY(store.purge(family, search.now, search.cool_down, kPurgedPerVerb));
      search.family = family;
      search.last = TRY(store.last_given(family, key.network));
      auto entry = TRY(pick(store, search, request));
      entry.watched = kernel_.link_alive && stored_form(key) == key;
      entries.push_back(std::move(entry));
    }
    TRY(store.take(key, entries));
    TRY(store.commit());
    Lease lease;
    for (const auto& entry : entries)
      lease.addresses.push_back({.address = entry.address, .subnet = Prefix(entry.address, entry.subnet_length)});
    return lease;
  }));
}

/// A key holds nothing when it acquires. What it still holds from a life whose DEL never came, it gives back: runtimes
/// restart a container under its ID.
Status Ipam::clear_own(LmdbStore& store, const Key& key) const {
  const auto held = TRY(store.held_by(key));
  if (held.empty()) return ok();
  const auto now = now_();
  const auto old = [&](const Entry& entry) { return is_old(entry, now); };
  if (!kernel_.link_alive || !std::ranges::all_of(held, old) || kernel_.link_alive(key))
    return fail(cni::kInternal, name_of(key) + " already holds " + held.front().address.to_string());
  log::warn("took back the address of the same container's earlier life",
            {{"container", key.container_id}, {"address", held.front().address.to_string()}});
  return store.release(key, now);
}

/// The address of one family: the one asked for, else the next free one, else one that cools, dead holders first.
Result<Entry> Ipam::pick(LmdbStore& store, const Search& search, const Request& request) const {
  const auto occupancy = store.occupancy();
  const auto entry_of = [&](const IpAddress& address) {
    Entry entry;
    entry.address = address;
    entry.stamp = search.now;
    for (const auto& range : search.ranges)
      if (range.contains(address)) entry.subnet_length = range.subnet.length();
    return entry;
  };
  const auto wanted = std::ranges::find(request.addresses, search.family, &IpAddress::family);
  if (wanted != request.addresses.end()) {
    auto good = check_requested(search, *wanted, occupancy);
    if (!good && good.error().code == cni::kTryAgainLater) {  // its holder may be dead
      TRY(reclaim_dead(store, search.now));
      good = check_requested(search, *wanted, occupancy);
    }
    TRY(std::move(good));
    return entry_of(*wanted);
  }
  if (const auto free = TRY(next_free(search, occupancy))) return entry_of(*free);
  const bool searched = search.now - TRY(store.last_search()) >= kSearchAgain;
  if (searched) TRY(reclaim_dead(store, search.now));
  auto cooling = TRY(longest_cooling(search, occupancy));
  if (!cooling && !searched) {
    TRY(reclaim_dead(store, search.now));
    cooling = TRY(longest_cooling(search, occupancy));
  }
  if (cooling) return entry_of(*cooling);
  return fail(cni::kTryAgainLater, "no free " + std::string(to_string(search.family)) + " address",
              TRY(usage(search, occupancy)).to_string(search.family));
}

/// Releases what nobody will ever release: containerd never calls GC, and a DEL can get lost. Dead is a key without a
/// host link whose addresses are older than an ADD can take. Where the key cannot name its link, shortened or unknown,
/// it is one whose address nothing in the kernel has; but not where another plugin keeps pods in the same store, which
/// the kernel shows in no way we know.
Status Ipam::reclaim_dead(LmdbStore& store, std::chrono::nanoseconds now) const {
  if (!kernel_.link_alive) return ok();
  std::set<Key> old;
  std::map<Key, std::vector<IpAddress>> nameless;
  bool shared = false;
  for (const auto family : kFamilies)
    TRY(store.by_address(family == AddressFamily::IPv4 ? IpAddress::v4(0) : IpAddress::v6({}), [&](const Entry& entry) {
      if (entry.use != Use::Taken) return true;
      const bool linkless = is_linkless(entry.key);
      shared = shared || (!entry.watched && !linkless);
      if (is_old(entry, now)) old.insert(entry.key);
      if (linkless && now - entry.stamp > kGrace) nameless[entry.key].push_back(entry.address);
      return true;
    }));
  std::erase_if(old, [&](const Key& key) { return is_linkless(key) || kernel_.link_alive(key); });
  if (!shared && !nameless.empty()) old.merge(TRY(unused_of(nameless)));
  for (const auto& key : old) {
    log::warn("took back an address whose pod is gone",
              {{"container", key.container_id}, {"ifname", key.ifname}, {"network", key.network}});
    TRY(store.release(key, now));
  }
  return store.set_last_search(now);
}

/// Those of whose addresses no route, no name, no alias and no link tells.
Result<std::set<Key>> Ipam::unused_of(const std::map<Key, std::vector<IpAddress>>& holders) const {
  std::set<Key> out;
  if (!kernel_.in_use || !kernel_.held) return out;
  std::set<IpAddress> claimed;
  for (const auto& held : TRY(kernel_.held())) claimed.insert(held.address);
  for (const auto& [key, addresses] : holders)
    if (!kernel_.link_alive(key) && std::ranges::none_of(addresses, [&](const IpAddress& address) {
          return claimed.contains(address) || kernel_.in_use(key, address);
        }))
      out.insert(key);
  return out;
}

/// What DEL and GC get over: a pod must be able to go, whatever its store is like. A record that stays behind is taken
/// back when addresses run short.
Status Ipam::forgive(const std::string& what, Error error) const {
  const auto fault = fault_of(error);
  if (fault == StoreFault::OtherBoot) return ok();  // everybody in it is dead
  if ((fault == StoreFault::Damaged && kernel_.held) || (fault == StoreFault::Unwritable && kernel_.link_alive)) {
    log::warn("could not record a release", {{"of", what}, {"because", error.message}});
    return ok();
  }
  if (fault == StoreFault::Damaged) error.details = kUnknownHolders;
  return fail(in("release " + what, outward(std::move(error))));
}

Status Ipam::release(const Key& key) {
  const auto there = LmdbStore::exists(conf_.data_dir);
  if (there && !*there) return ok();
  const auto done = on_store(Access::Release, [&](LmdbStore& store) -> Status {
    if (TRY(store.held_by(key)).empty()) return ok();
    TRY(store.release(key, now_()));
    return store.commit();
  });
  if (done) return ok();
  if (fault_of(done.error()) == StoreFault::Damaged && !kernel_.held) {  // whoever repairs the store finds its record
    log::warn("could not record a release", {{"container", key.container_id}, {"because", done.error().message}});
    return ok();
  }
  return forgive("the addresses of " + name_of(key), done.error());
}

Status Ipam::check(const Key& key, const std::vector<IpAddress>& addresses) {
  if (!TRY(outward(LmdbStore::exists(conf_.data_dir))))
    return fail(cni::kInternal, name_of(key) + " holds no address: there is no store in " + conf_.data_dir.string());
  const auto entries = TRY(outward(on_store(Access::Read, [&](LmdbStore& store) { return store.held_by(key); })));
  std::vector<IpAddress> held;
  for (const auto& entry : entries) held.push_back(entry.address);
  auto expected = addresses;
  std::ranges::sort(expected);
  if (held == expected) return ok();
  const auto list = [](const std::vector<IpAddress>& all) {
    std::string text;
    for (const auto& address : all) text += (text.empty() ? "" : ", ") + address.to_string();
    return text.empty() ? "nothing" : text;
  };
  return fail(cni::kInternal, name_of(key) + " holds " + list(held) + ", not " + list(expected));
}

Status Ipam::collect(const std::string& network, const std::vector<Key>& valid) {
  const auto there = LmdbStore::exists(conf_.data_dir);
  if (there && !*there) return ok();
  std::set<Key> keep;
  for (const auto& key : valid) keep.insert(stored_form(key));
  const auto done = on_store(Access::Release, [&](LmdbStore& store) -> Status {
    bool changed = false;
    const auto now = now_();
    for (const auto& key : TRY(store.holders_of(network))) {
      if (keep.contains(key)) continue;
      TRY(store.release(key, now));
      changed = true;
    }
    return changed ? store.commit() : ok();
  });
  if (done) return ok();
  return forgive("what nobody claims in network " + network, done.error());
}

Status Ipam::status() {
  if (const auto ranges = config::effective_ranges(conf_); !ranges)
    return fail(cni::kNotAvailable, ranges.error().message);
  const std::string what = "the state directory " + conf_.data_dir.string();
  const auto there = nearest_existing(conf_.data_dir);
  struct stat info{};
  if (::stat(there.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return fail(cni::kNotAvailable, what + " is not usable: " + there.string() + " is not a directory");
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    return fail(cni::kNotAvailable, sys_fail(what + " is not usable: " + there.string()).error().message);
  struct statvfs space{};
  if (LmdbStore::exists(conf_.data_dir).value_or(false) || ::statvfs(there.c_str(), &space) != 0) return ok();
  if (static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize < kStoreSize)
    return fail(cni::kNotAvailable,
                what + " is not usable: less than " + std::to_string(kStoreSize >> 20) + " MiB are free for the store");
  return ok();
}

Result<std::vector<Record>> Ipam::records() {
  if (!TRY(outward(LmdbStore::exists(conf_.data_dir)))) return std::vector<Record>{};
  return outward(on_store(Access::Read, [&](LmdbStore& store) -> Result<std::vector<Record>> {
    std::vector<Record> out;
    for (const auto family : kFamilies)
      TRY(store.by_address(family == AddressFamily::IPv4 ? IpAddress::v4(0) : IpAddress::v6({}), [&](const Entry& e) {
        if (e.use == Use::Taken) out.push_back(record_of(e));
        return true;
      }));
    return out;
  }));
}

}  // namespace slash32::ipam
