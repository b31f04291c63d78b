// Names of files that are begun anew every so often: strftime's %Y %m %d %H %M %S and %%, in UTC. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace slash32::bgp::mrt {

/// When the period began that `now` is in: periods begin at whole multiples of `rotate` since 1970, as with others, so
/// that files of several nodes cover the same time. 0: there are none, and it is `now`.
std::chrono::sys_seconds period_of(std::chrono::sys_seconds now, Seconds rotate);

/// `pattern` with what stands for time in it filled in. What follows any other % stays as it is.
std::string file_name(std::string_view pattern, std::chrono::sys_seconds time);

}  // namespace slash32::bgp::mrt
