// `slash32ctl watch`: what happens, as it happens.
#pragma once

#include <iosfwd>
#include <string>

#include "common/result.h"
#include "ctl/commands.h"

namespace slash32::ctl {

struct WatchQuery {
  std::string kinds;   // names with commas between; empty: the daemon's default
  std::string prefix;  // of routes
};
/// The path of the request, with the query encoded.
std::string watch_target(const WatchQuery& query);
/// One event on a line; what is no event as it is, made printable.
std::string render_event(const std::string& line);
/// Prints events until the output is gone. Error: no daemon, or it ended.
Status run_watch(const Options& options, const WatchQuery& query, std::ostream& out);

}  // namespace slash32::ctl
