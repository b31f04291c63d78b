// Reading a whole store, damaged records and all: LmdbStore::content().
#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "ipam/lmdb_file.h"
#include "ipam/lmdb_store.h"

namespace slash32::ipam {
namespace {

std::string name_of(const Key& key) {
  return "container " + key.container_id + ", interface " + key.ifname + ", network " + key.network;
}

/// Sees every key and value of the store and compares what each says with the others.
class Reader {
 public:
  /// In this order: entries, holders, the queue.
  void entry(std::string_view key, std::string_view value) {
    if (auto entry = format::decode_entry(key, value)) {
      entries_.emplace(entry->address, std::move(*entry));
      return;
    }
    const auto* raw = reinterpret_cast<const std::uint8_t*>(key.data());
    const auto prefix = format::entry_prefix(AddressFamily::IPv4).size();
    const auto address = IpAddress::from_bytes(std::span(raw, key.size()).subspan(std::min(prefix, key.size())));
    if (address) out_.lost.push_back(*address);
    complain(address ? "the record of " + address->to_string() + " cannot be read" : "a record of no address");
  }
  void holder(std::string_view key, std::string_view value) {
    const auto holder = format::decode_holder(key);
    if (!holder) return complain("a holder whose name cannot be read");
    const auto addresses = format::decode_addresses(key, value);
    if (!addresses) return complain("the addresses of " + name_of(*holder) + " cannot be read");
    for (const auto& address : *addresses) claim(*holder, address);
  }
  void cooling(std::string_view key) {
    const auto place = format::decode_cooling(key);
    if (!place) return complain("a place in the cool-down queue cannot be read");
    const auto it = entries_.find(place->address);
    if (it == entries_.end() || it->second.use != Use::Cooling || it->second.stamp != place->released)
      return complain("the cool-down queue and the record of " + place->address.to_string() + " differ");
    queued_.insert(place->address);
  }
  StoreContent result() {
    for (auto& [address, entry] : entries_) {
      if (entry.use == Use::Taken && !owners_.contains(address))
        complain(address.to_string() + " is missing in the index of its holder, " + name_of(entry.key));
      if (entry.use == Use::Cooling && !queued_.contains(address))
        complain(address.to_string() + " cools down outside the queue");
      out_.entries.push_back(std::move(entry));
    }
    return std::move(out_);
  }

 private:
  void complain(std::string what) { out_.damage.push_back(std::move(what)); }
  void claim(const Key& holder, const IpAddress& address) {
    const auto it = entries_.find(address);
    if (it == entries_.end()) {
      if (std::ranges::find(out_.lost, address) == out_.lost.end()) {
        out_.lost.push_back(address);
        complain(address.to_string() + " has no record, though it is in the index of " + name_of(holder));
      }
      out_.indexed.push_back({.key = holder, .address = address});
    } else if (it->second.use != Use::Taken || it->second.key != holder) {
      complain(address.to_string() + " has two owners: " + name_of(it->second.key) + "; and " + name_of(holder));
    } else {
      owners_.insert(address);
    }
  }

  StoreContent out_;
  std::map<IpAddress, Entry> entries_;
  std::set<IpAddress> owners_;  // addresses that their holder's index names
  std::set<IpAddress> queued_;
};

}  // namespace

Result<StoreContent> LmdbStore::content() {
  Reader reader;
  const auto walk = [&](const std::string& prefix, auto visit) {
    return file_->walk(prefix, prefix, [&](std::string_view key, std::string_view value) -> Result<bool> {
      visit(key, value);
      return true;
    });
  };
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6})
    TRY(walk(format::entry_prefix(family), [&](auto key, auto value) { reader.entry(key, value); }));
  TRY(walk("k", [&](auto key, auto value) { reader.holder(key, value); }));
  TRY(walk("c", [&](auto key, auto) { reader.cooling(key); }));
  return reader.result();
}

}  // namespace slash32::ipam
