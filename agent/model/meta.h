// What every object of the Kubernetes API has, as far as the agent uses it: who it is, its labels and our annotations.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/json_field.h"
#include "common/result.h"

namespace slash32::agent::model {

/// The kinds the agent watches.
enum class Kind : std::uint8_t {
  Node,
  Service,
  EndpointSlice,
  Secret,
  BgpConfiguration,
  BgpPeer,
  BgpFilter,
  BgpAdvertisement,
  IpPool
};

/// "Node", "BGPPeer": as the API writes it.
std::string_view to_string(Kind kind);

/// Namespace (empty for a cluster-scoped object) and name.
struct ObjectKey {
  std::string space;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  /// "default/web", or "n1".
  std::string to_string() const { return space.empty() ? name : space + "/" + name; }
};

using Labels = std::map<std::string, std::string>;

/// Annotations of ours begin with this; no others are kept.
inline constexpr std::string_view kOurPrefix = "slash32.io/";

struct Meta {
  ObjectKey key;
  std::string uid;
  std::int64_t generation = 0;
  std::string created;  // RFC 3339, as the API writes it: sorts by time
  Labels labels;
  Labels annotations;  // those under slash32.io/ only
  bool deleting = false;
  bool operator==(const Meta&) const = default;
};

/// Kept beside what a plan is made from: where only this differs, two objects are the same.
template <class T>
struct Aside {
  T value{};
  bool operator==(const Aside&) const { return true; }
};

/// `object` is the whole object. Errors name the place: "/metadata/name: is missing".
Result<Meta> read_meta(const JsonField& object);

/// metadata.resourceVersion of an object that read_meta() took; empty: it has none.
std::string version_of(const nlohmann::json& object);

/// An object that was left out, or that asks for what cannot be. `message` names the place in it.
struct Problem {
  Kind kind = Kind::Node;
  ObjectKey key;
  std::string message;
  auto operator<=>(const Problem&) const = default;
};

/// The complaint about an object that could not be read: of which kind and name it is as far as it says so itself.
Problem problem_of(Kind kind, const nlohmann::json& object, const Error& error);

}  // namespace slash32::agent::model
