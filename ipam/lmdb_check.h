// Whether a file may be handed to LMDB. LMDB trusts its pages: a wrong offset in one makes it write where it should
// not, which no guard can catch. So a file that somebody else has touched is walked before it is used: every page
// reachable, every node inside its page, no page used twice, all counts right. Pure: bytes in, verdict out. The layout
// is LMDB 0.9's on 64-bit little-endian machines (mdb.c: MDB_meta, MDB_page, MDB_node).
#pragma once

#include <cstdint>
#include <span>

#include "common/result.h"

namespace slash32::ipam {

/// Error: what is wrong, and in which page. `page_size` is the machine's.
Status check_lmdb(std::span<const std::uint8_t> file, std::size_t page_size);

}  // namespace slash32::ipam
