// `slash32-bgpd --check-config FILE --against SOCKET`: asks the daemon that runs what FILE would change.
#pragma once

#include <string>

#include "common/result.h"

namespace slash32::bgp {

/// What became of the question.
struct CheckAnswer {
  bool resets = false;  // a session would be reset, or ended for good
  std::string text;     // for people, line by line
};
/// Posts `conf` to /v1/config/check on `socket` and waits at most 10 s. Error: nobody answers there, or the daemon
/// would refuse the configuration, and why.
Result<CheckAnswer> check_against(const std::string& socket, const std::string& conf);

}  // namespace slash32::bgp
