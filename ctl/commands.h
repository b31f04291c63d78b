// The subcommands: each has a file of its own, with a pure renderer (document in, text out) and a run function that
// fetches the document. Documents come from slash32-bgpd's control socket; a field that is missing shows as "-", so
// that slash32ctl and a daemon of another version get on.
#pragma once

#include <chrono>
#include <filesystem>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/node/forwarding.h"
#include "common/pod/key.h"
#include "common/result.h"
#include "config/bgpd_conf.h"
#include "ctl/node_paths.h"
#include "ipam/ipam.h"

namespace slash32::ctl {

inline constexpr std::string_view kDefaultSocket = "/run/slash32/bgpd.sock";

/// What every subcommand takes.
struct Options {
  std::filesystem::path socket{kDefaultSocket};
  bool json = false;  // the document as it is instead of a table
};

// ---------------------------------------------------------------- status

Status run_status(const Options& options, std::ostream& out);
std::string render_status(const nlohmann::json& document);

// ---------------------------------------------------------------- mrt

/// `mrt dump`: the table into `file`, which is put in place when it is whole, or to standard output for "-". Error:
/// what failed; then no file is there, or the one that was.
Status run_mrt_dump(const Options& options, const std::string& file, std::ostream& out);

// ---------------------------------------------------------------- neighbors

struct NeighborsQuery {
  std::string name;  // empty: all, one a line
  bool advertised = false;
};
Status run_neighbors(const Options& options, const NeighborsQuery& query, std::ostream& out);
/// One line a neighbour.
std::string render_neighbors(const nlohmann::json& document);
/// Everything about one neighbour.
std::string render_neighbor(const nlohmann::json& neighbor);

// ---------------------------------------------------------------- neighbor

struct NeighborOrder {
  std::string name;
  std::string verb;    // reset, refresh-in, refresh-out, disable, enable, drain, undrain
  std::string reason;  // of reset and disable: goes out with the NOTIFICATION (RFC 9003)
};
/// Has the daemon do it. Error: the daemon's reason why not.
Status run_neighbor_order(const Options& options, const NeighborOrder& order, std::ostream& out);
/// The path of the request, encoded.
std::string neighbor_order_target(const NeighborOrder& order);

// ---------------------------------------------------------------- drain, undrain

struct DrainOrder {
  bool on = true;
  bool then_shutdown = false;         // leave when the last pod is gone, and not before `settle`
  std::chrono::seconds settle{10};    // for others to choose other paths
  std::chrono::seconds timeout{600};  // how long the pods may take
};
/// Error: the daemon's reason why not; with `then_shutdown` also that pods are left.
Status run_drain(const Options& options, const DrainOrder& order, std::ostream& out);

// ---------------------------------------------------------------- routes

struct RoutesQuery {
  std::string prefix;
  std::string neighbor;
  std::string family;
};
Status run_routes(const Options& options, const RoutesQuery& query, std::ostream& out);
/// The path of the request, with the query encoded.
std::string routes_target(const RoutesQuery& query);
std::string render_routes(const nlohmann::json& document);
/// "65000:1"; kNothing for what is no community.
std::string community_text(const nlohmann::json& community);

// ---------------------------------------------------------------- ipam show

struct IpamShowQuery {
  std::filesystem::path data_dir;
  std::string network;  // empty: all
};
Status run_ipam_show(const Options& options, const IpamShowQuery& query, std::ostream& out, std::ostream& notes);
/// Two clocks, read at the same moment: an allocation's time is told by the first, people read the second.
struct Moment {
  std::chrono::nanoseconds boot_time{};
  std::chrono::system_clock::time_point wall_time;
};
std::string render_ipam(const std::vector<ipam::Record>& records, const Moment& now);
/// {"allocations": [{"address", "subnet", "network", "containerId", "ifname", "since"}]}.
nlohmann::json ipam_document(const std::vector<ipam::Record>& records, const Moment& now);

// ---------------------------------------------------------------- ipam check

struct IpamCheckQuery {
  std::filesystem::path data_dir;
  std::filesystem::path conf_dir;
  bool fix = false;
  bool whole_node_is_dead = false;            // --fix releases also where not one host end is in sight
  std::chrono::milliseconds interval{5'000};  // between the two looks
};
/// True: nothing is wrong any more. Error: the store or the kernel could not be read.
Result<bool> run_ipam_check(const Options& options, const IpamCheckQuery& query, std::ostream& out,
                            std::ostream& notes);

// ---------------------------------------------------------------- ipam release

/// Either an address or a container and its interface.
struct IpamReleaseQuery {
  std::filesystem::path data_dir;
  std::string address;
  pod::Key key;
  bool force = false;
};
Status run_ipam_release(const Options& options, const IpamReleaseQuery& query, std::ostream& out);

// ---------------------------------------------------------------- repair

struct RepairQuery {
  std::string pod;  // container ID or the beginning of one, host link, or address; empty: all
  std::filesystem::path conf_dir;
  bool dry_run = false;
};
/// True: nothing is missing any more (in a dry run: nothing was). Error: no such pod, or the kernel could not be read.
Result<bool> run_repair(const Options& options, const RepairQuery& query, std::ostream& out, std::ostream& notes);

// ---------------------------------------------------------------- node install, cleanup

struct NodeInstallQuery {
  NodePaths paths;
  std::filesystem::path source_dir{kSourceDir};
  node::Families families{.v4 = true, .v6 = true};  // which are to be forwarded
};
/// True: all of it stands. What could not be done is told as a step.
Result<bool> run_node_install(const Options& options, const NodeInstallQuery& query, std::ostream& out);
/// Temporary files that killed writers of `target` left beside it.
void remove_leftovers_of(const std::filesystem::path& target);

struct CleanupQuery {
  NodePaths paths;
  std::filesystem::path root;  // where the node's own paths begin, as those that configurations name
  bool force = false;          // also while pods live
  bool dry_run = false;
  bool stay = false;  // try again until nothing is left, then wait to be stopped
};
/// True: the node is as it was found (in a dry run: nothing would be left to do). Error: a daemon of ours runs, and
/// would put back what is taken away; nothing was changed.
Result<bool> run_cleanup(const Options& options, const CleanupQuery& query, std::ostream& out, std::ostream& notes);

// ---------------------------------------------------------------- reload

/// Has the daemon read its configuration file again. Error: every reason why nothing changed.
Status run_reload(const Options& options, std::ostream& out);
std::string render_reload(const nlohmann::json& document);
/// What that would change. True: no session would be reset. Error: every reason why it would be refused.
Result<bool> run_reload_check(const Options& options, std::ostream& out);
std::string render_reload_check(const nlohmann::json& document);

// ---------------------------------------------------------------- policy test

struct PolicyTestQuery {
  std::filesystem::path config;
  std::vector<std::string> policies;  // tried in order, as a neighbour's
  std::string route;
};
/// What the policies do with the route, without a daemon: whether it is accepted. Error: the file, a name or the route
/// is no good.
Result<bool> run_policy_test(const Options& options, const PolicyTestQuery& query, std::ostream& out);
/// {"accepted", "policy", "term", "direction", "terms": [...], "attributes"}; policy and term are null where none
/// decided.
Result<nlohmann::ordered_json> policy_test_document(const config::BgpdConf& conf, const std::vector<std::string>& names,
                                                    const std::string& route);
std::string render_policy_test(const nlohmann::json& document);

// ---------------------------------------------------------------- shutdown

/// Tells the daemon to leave for good.
Status run_shutdown(const Options& options, std::ostream& out);

}  // namespace slash32::ctl
