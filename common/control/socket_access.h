// Who besides its owner may use a unix socket.
#pragma once

#include <string>

#include "common/result.h"

namespace slash32::control {

struct SocketAccess {
  unsigned mode = 0660;
  std::string group = {};  // a name or a number; empty: the process's own
  bool operator==(const SocketAccess&) const = default;
};

/// Whether there is such a group. One that is given as a number asks nobody.
Status find_group(const SocketAccess& access);

}  // namespace slash32::control
