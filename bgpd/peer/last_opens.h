// The last OPEN of each direction as it stood on the wire, whatever became of it: for show only, nothing decides by it.
// Values are shared and never change.
#pragma once

#include <memory>

#include "bgpd/peer/last_errors.h"
#include "common/clock.h"

namespace slash32::bgp {

struct NotedOpen {
  Instant at{};
  KeptMessage message;  // header included
};

/// None where there was none yet.
struct LastOpens {
  std::shared_ptr<const NotedOpen> sent;
  std::shared_ptr<const NotedOpen> received;
};

}  // namespace slash32::bgp
