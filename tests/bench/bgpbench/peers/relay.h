// The floor of a latency.
#pragma once

#include "tests/bench/bgpbench/peers/common.h"

namespace bench {

/// Options: address, port, sinks. Ends with its source.
void relay(const Options& options);

}  // namespace bench
