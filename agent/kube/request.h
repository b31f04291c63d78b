// Paths and queries of the Kubernetes API. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"

namespace slash32::agent::kube {

/// A kind of object as the API's paths name it.
struct Resource {
  std::string group;    // "" for the core group
  std::string version;  // "v1"
  std::string plural;   // "nodes"
  bool operator==(const Resource&) const = default;
};

/// "nodes", "bgppeers.slash32.io": as kubectl names it.
std::string name_of(const Resource& resource);

/// "/api/v1/nodes", "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices".
std::string collection_path(const Resource& resource, const std::string& name_space = {});
/// The path of one object of it, and of a subresource ("status").
std::string object_path(const Resource& resource, const std::string& name_space, const std::string& name,
                        const std::string& subresource = {});

/// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text);

/// `path` with a query of those parameters that are not empty, encoded.
std::string with_query(const std::string& path,
                       const std::vector<std::pair<std::string_view, std::string>>& parameters);

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, without Access::base_path
  std::string body;
  std::string content_type;  // of the body
  /// Not sent at all from then on: what waited for a connection, or for a process that stood still, may be too late.
  std::optional<Instant> send_before{};
};

/// However long a Retry-After asks for, we ask again after this.
inline constexpr Seconds kLongestRetryAfter{300};

/// What an answer begins with.
struct ResponseHead {
  int status = 0;
  std::optional<Seconds> retry_after;  // RFC 9110 section 10.2.3, in its form of seconds
};

struct Response {
  ResponseHead head;
  std::string body;
};

/// The message of a Status object, or what there is of the body; one line, at most some hundred characters.
std::string message_of(std::string_view body);

}  // namespace slash32::agent::kube
