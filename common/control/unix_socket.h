// The listening unix socket of the control interface, as a file that has to be made and removed carefully.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/control/socket_access.h"
#include "common/fd.h"
#include "common/result.h"

namespace slash32::control {

struct BoundSocket {
  UniqueFd fd;  // listening, non-blocking
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

/// As HttpServer::open() says.
Result<BoundSocket> bind_unix_socket(const std::string& path, const std::string& program,
                                     const SocketAccess& access = {});
/// Gives the socket's file to another group, and another mode. Error: no such group, or not permitted; then nothing
/// changed.
Status set_socket_access(const std::string& path, const SocketAccess& access);
/// Whether the path still is the file we made.
bool unix_socket_is_ours(const BoundSocket& socket);
/// Unlinks the path when it still is the file we made.
void remove_unix_socket(const BoundSocket& socket);

}  // namespace slash32::control
