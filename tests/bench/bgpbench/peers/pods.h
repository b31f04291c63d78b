// A pod comes on one node: how long until its route is in another node's kernel. And what that must at least take.
#pragma once

#include "tests/bench/bgpbench/peers/common.h"

namespace bench {

/// Serves orders from standard input, in the network namespace of the first node: "latency SAMPLES TIMEOUT" puts a
/// pod's route there and takes it away again, with a pause of 1 to 3 ms before each, and prints how long each took to
/// come to, and go from, the second node's kernel; -1: it did not within TIMEOUT seconds. Options: other (the second
/// node's network namespace, a path), dev (a link of the first node), pods (the first pod's address).
void pods(const Options& options);

/// The floor, in the place of two speakers: the one hears of pods' routes and tells them as they are, over TCP, the
/// other writes them into its kernel. Both say "ready" when they are. Options: address (where the first one listens),
/// family.
void tell_pods(const Options& options);
/// Options: address (of the first one, which is the gateway too), dev (the way to it).
void install_pods(const Options& options);

}  // namespace bench
