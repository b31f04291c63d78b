// What can still be read of a damaged store. Pure: bytes in, records out. Every value of ours carries a checksum over
// its key and itself, so records are found wherever they stand in the file, whatever became of the tree above them.
// LMDB writes beside what it replaces: older versions of a record are found as well, and the newest one counts. A
// record that was removed may come back so, which is the safe side: its address stays held.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipam/store.h"

namespace slash32::ipam {

struct Salvage {
  std::vector<Entry> entries;  // in order of address, the newest version of each
  /// What the holders' index says of addresses that nobody holds by an entry, though the named one once did and left
  /// none; only key and address are known.
  std::vector<Held> unaccounted;
  std::optional<std::string> header;  // of the store: format and boot
};
Salvage salvage(std::span<const std::uint8_t> file);

}  // namespace slash32::ipam
