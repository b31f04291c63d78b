// Who besides its owner may use a unix socket.
#pragma once

#include <string>

namespace slash32::control {

struct SocketAccess {
  unsigned mode = 0660;
  std::string group = {};  // a name or a number; empty: the process's own
  bool operator==(const SocketAccess&) const = default;
};

}  // namespace slash32::control
