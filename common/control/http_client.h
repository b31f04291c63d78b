// HTTP over a unix socket, as who asks: one request, one answer, all of it under one deadline. It blocks: for commands,
// not for a daemon's loop.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <string_view>

#include "common/clock.h"
#include "common/control/http_answer.h"
#include "common/fd.h"
#include "common/result.h"

namespace slash32::control {

/// Where somebody listens. Error: an errno, which the caller puts into words; ENAMETOOLONG for a path that no socket
/// can have, EAGAIN where too many wait already.
Result<UniqueFd, int> connect_unix(const std::filesystem::path& socket);
/// The longest path of a socket (unix(7)).
inline constexpr std::size_t kLongestSocketPath = 107;

struct Question {
  std::string_view method = "GET";
  std::string_view target;  // a path with an optional query, encoded already
  std::string_view body = {};
  std::string_view user_agent = {};
  std::size_t most_body = std::numeric_limits<std::size_t>::max();  // octets of an answer that is taken
};

/// Sends `question` on a connected socket and reads the answer to its end, whatever its status. Error: what went wrong,
/// also that the deadline passed.
Result<HttpAnswer> ask(int fd, const Question& question, Instant deadline);

/// The same, and gives `take` the body of a 2xx answer as it comes, until it ends or `take` says false; the deadline is
/// for the answer's beginning. Another answer is read to its end and returned.
Result<HttpAnswer> ask_stream(int fd, const Question& question, const std::function<bool(std::string_view)>& take,
                              Instant deadline);

constexpr bool is_success(int status) { return status >= 200 && status <= 299; }

}  // namespace slash32::control
