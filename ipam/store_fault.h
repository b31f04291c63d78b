// Error codes of the store that never leave this folder: ipam.cc says them in CNI's codes.
#pragma once

#include <cerrno>
#include <string>

#include "common/result.h"

namespace slash32::ipam {

inline constexpr int kDamagedFile = -1;  // it is not what we wrote
inline constexpr int kOtherBoot = -2;    // it is sound, and everybody in it is dead
inline constexpr int kUnwritable = -3;   // the disk is full, read-only or broken

/// sys_fail() with kUnwritable where the disk takes no more. EIO is what LMDB makes of a short write.
inline std::unexpected<Error> disk_fail(const std::string& what, int error_number = errno) {
  auto failed = sys_fail(what, error_number);
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EROFS || error_number == EIO;
  if (full) failed.error().code = kUnwritable;
  return failed;
}

}  // namespace slash32::ipam
