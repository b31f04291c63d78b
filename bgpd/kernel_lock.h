// One slash32-bgpd for each routing table of a network namespace: two would sweep each other's routes, which carry the
// same protocol, whatever their sockets and files are called.
#pragma once

#include "common/fd.h"
#include "common/result.h"
#include "common/strong.h"

namespace slash32::bgp {

/// Held as long as the descriptor is open, and gone with the process. Error: another daemon of this user has it; its
/// process is named. The lock is an abstract unix socket, which belongs to the network namespace and which anybody
/// there may take: one that another user holds, or whose holder lets nobody ask, is no daemon's, is told in the log and
/// passed over (an empty descriptor).
Result<UniqueFd> lock_kernel_table(TableId table);
/// Lets those go who asked who holds `lock`, so that there is room for more. To be called every few seconds.
void let_askers_go(const UniqueFd& lock);

}  // namespace slash32::bgp
