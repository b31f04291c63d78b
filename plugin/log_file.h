// The plugin's own log: libcni throws a failing plugin's stderr away. One line an event, several processes at once; a
// file that grew too big becomes FILE.1. A log that cannot be written never fails a verb.
#pragma once

#include "config/net_conf.h"

namespace slash32::plugin {

/// Sends log lines to the file from here on. It is opened with the first line; when that fails lines are lost.
void log_to_file(const config::LogConf& conf);

}  // namespace slash32::plugin
