// What a store of addresses and the kernel say of each other. Pure: a survey of the one and a view of the other go in,
// findings come out. One look can fall into the middle of an ADD or a DEL; what two looks find alike is true.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "ctl/networks.h"
#include "ctl/node_view.h"
#include "ipam/ipam.h"

namespace slash32::ctl {

enum class FindingKind : unsigned char {
  Damaged,      // the store holds something that cannot be read
  Leak,         // a record whose host link does not exist
  Pending,      // the same, but young: an ADD may be under way. Not counted
  DoubleOwner,  // two records or links, or a record and a link, claim one address
  NoAlias,      // the record's link is there without an alias that names the address
  NoRoute,      // a live link whose address has no route: it was taken down and up
  Unrecorded,   // a live link's address that the store does not know
  StrayRoute,   // a route of protocol 132 to an address that nobody has
};
/// "leak", "doubleOwner", …
std::string_view to_string(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::Damaged;
  std::optional<IpAddress> address{};
  pod::Key key{};
  std::string link{};  // the host end's name
  std::optional<std::chrono::seconds> age{};
  std::string text{};
  bool fixed = false;

  bool counts() const { return kind != FindingKind::Pending && !fixed; }
  /// Whether both are about the same thing; ages differ.
  bool is_same(const Finding& other) const {
    return kind == other.kind && address == other.address && key == other.key && link == other.link;
  }
};

struct Scene {
  ipam::Survey survey;
  NodeView node;
  std::chrono::nanoseconds now{};  // CLOCK_BOOTTIME
};

/// What one look finds, ordered by kind and address. `data_dir` is where the survey was made: of a network that
/// `networks` say keeps its addresses elsewhere, nothing is missed here. In a store of another plugin's use the kernel
/// cannot tell who lives: only its damage is told.
std::vector<Finding> audit(const Scene& scene, const std::filesystem::path& data_dir,
                           const std::vector<Network>& networks);
/// Whether another plugin uses the store: slash32 made no link for its records.
bool is_of_another_plugin(const ipam::Survey& survey, const std::filesystem::path& data_dir);
/// Error: the pods of this store live in another network namespace, so it seems, and all of them would look dead: there
/// are records that an ADD has long finished, but not one host end is in sight. `otherwise` is what goes on all the
/// same.
Status check_place(const Scene& scene, const std::string& otherwise);
inline constexpr int kWrongPlace = -2;
/// What `second` has of `first`, as `second` says it.
std::vector<Finding> confirmed(const std::vector<Finding>& first, const std::vector<Finding>& second);

}  // namespace slash32::ctl
