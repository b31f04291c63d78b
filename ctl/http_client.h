// HTTP over slash32-bgpd's unix socket (common/control/http_client.h): one request, one response.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace slash32::ctl {

/// Asks the daemon that listens on `socket`. `target` is a path with an optional query, encoded already. `timeout`
/// bounds the whole exchange. Error: names the socket, and what to look at when nobody answers; a status that is not
/// 2xx is an error as well, with the daemon's own words.
Result<std::string> request(const std::filesystem::path& socket, std::string_view method, std::string_view target,
                            std::chrono::milliseconds timeout = std::chrono::seconds{30});

/// GETs `target` and gives `take` the body as it comes, until the daemon ends it, or `take` says false. `timeout` is
/// for the answer's beginning. Error: as of request().
Status stream(const std::filesystem::path& socket, std::string_view target,
              const std::function<bool(std::string_view)>& take,
              std::chrono::milliseconds timeout = std::chrono::seconds{30});

/// Whether anybody listens on `socket`. Error: it cannot be told (no permission, or a path too long for a socket).
Result<bool> is_answering(const std::filesystem::path& socket);

/// RFC 3986 section 2.1: everything but unreserved characters as %XX, for a path segment or a query value.
std::string percent_encoded(std::string_view text);

}  // namespace slash32::ctl
