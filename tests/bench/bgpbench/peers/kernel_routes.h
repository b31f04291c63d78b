// The kernel's side: the floor of a FIB, and the proof of one.
#pragma once

#include "tests/bench/bgpbench/peers/common.h"

namespace bench {

/// Puts the workload's routes into table main by batched netlink, as fib_bench does: messages built beforehand, 256 a
/// sendmsg, one acknowledgement a batch, a filtered listener beside it. Options: those of make_workload(), gateway,
/// dev.
void fill_kernel(const Options& options);

/// Dumps table main of the family and compares: each prefix of the workload must be there once with one next hop,
/// `gateway` at `dev`, and no other route of `protocol`. Options: the same, and protocol.
void check_kernel(const Options& options);

}  // namespace bench
