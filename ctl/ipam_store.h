// Opening a store of addresses for slash32ctl: whether we may see it, and what the kernel says of its holders.
#pragma once

#include <filesystem>

#include "common/netlink/socket.h"
#include "common/result.h"
#include "ipam/ipam.h"

namespace slash32::ctl {

/// How long slash32ctl waits for whoever holds the store's lock, or for an answer of the kernel.
inline constexpr std::chrono::seconds kPatience{5};

/// False when there is no such directory. Being kept out is an error: "no addresses" would be a lie.
Result<bool> is_readable(const std::filesystem::path& directory);
/// The path as configurations write it: no "//", "." or slash at its end, so that it can be compared.
std::filesystem::path tidy(const std::filesystem::path& path);
/// The store alone: who is dead is not known.
ipam::Ipam open_store(const std::filesystem::path& directory);
/// With the kernel behind `host` (which must outlive it) to say who lives; of the store that other plugins use, it
/// cannot.
ipam::Ipam open_store(const std::filesystem::path& directory, netlink::Socket& host);

}  // namespace slash32::ctl
