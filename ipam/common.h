// What the files behind ipam.h share: errors on their way out, who is old, which boot this is.
#pragma once

#include <string>
#include <utility>

#include "common/cni/error.h"
#include "common/fd.h"
#include "common/result.h"
#include "ipam/ipam.h"
#include "ipam/lmdb_store.h"
#include "ipam/store.h"

namespace slash32::ipam {

inline constexpr AddressFamily kFamilies[] = {AddressFamily::IPv4, AddressFamily::IPv6};

/// What stays inside this folder is said in CNI's codes outside.
inline Error outward(Error error) {
  const auto fault = fault_of(error);
  if (fault != StoreFault::None) error.code = fault == StoreFault::Unwritable ? cni::kIoFailure : cni::kTryAgainLater;
  return error;
}
template <class T>
Result<T> outward(Result<T> result) {
  if (!result) return std::unexpected(outward(std::move(result).error()));
  return result;
}

/// Changes with every boot.
inline Result<std::string> boot_id() {
  auto text = TRY(read_file("/proc/sys/kernel/random/boot_id"));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// What is said of a store that cannot be made anew here.
inline constexpr const char* kUnknownHolders = "who holds which address is unknown until the store is repaired";

/// Whether the holder was lost, or is told by a route alone.
inline bool is_unknown(const Key& key) { return key.container_id.starts_with(kUnknownHolder); }

/// Whether the key is one that no link's name can be computed from.
inline bool is_linkless(const Key& key) {
  return key.network.starts_with('#') || key.container_id.starts_with('#') || key.ifname.starts_with('#') ||
         is_unknown(key);
}

/// Old enough for its holder to be dead, if the kernel has no link of it.
inline bool is_old(const Entry& entry, std::chrono::nanoseconds now) {
  return entry.use == Use::Taken && entry.watched && now - entry.stamp > kGrace;
}

inline Record record_of(const Entry& entry) {
  return {.key = entry.key,
          .address = entry.address,
          .subnet = Prefix(entry.address, entry.subnet_length),
          .since = entry.stamp,
          .watched = entry.watched};
}

}  // namespace slash32::ipam
