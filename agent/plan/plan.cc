#include "agent/plan/plan.h"

#include <algorithm>

#include "agent/plan/advertise.h"
#include "agent/plan/configuration.h"
#include "agent/plan/kept_plan.h"
#include "agent/plan/neighbors.h"
#include "agent/plan/node_file.h"
#include "agent/plan/originate.h"
#include "agent/plan/policies.h"
#include "agent/plan/ranges.h"
#include "agent/plan/service_routes.h"
#include "config/bgpd_conf.h"
#include "config/conf_readers.h"

namespace slash32::agent::plan {
namespace {

using model::BgpConfiguration;
using model::Kind;
using model::Node;
using nlohmann::ordered_json;

constexpr std::size_t kMaxTold = 10;  // problems in one condition's message

std::string text_of(const model::Problem& problem) {
  return std::string(to_string(problem.kind)) + " " + problem.key.to_string() + ": " + problem.message;
}

/// The neighbours, the routes and the rest, as bgpd.json has them.
struct Parts {
  NeighborPlan neighbors;
  Announced announced;
};

void add_kernel(const BgpConfiguration& conf, const Node& node, ordered_json& out) {
  ordered_json kernel = ordered_json::object();
  for (const auto& [key, value] : conf.kernel.items()) kernel[key] = value;
  if (conf.source_node_address) {
    if (const auto v4 = node.address(AddressFamily::IPv4)) kernel["prefSrc4"] = v4->to_string();
    if (const auto v6 = node.address(AddressFamily::IPv6)) kernel["prefSrc6"] = v6->to_string();
  }
  if (!kernel.empty()) out["kernel"] = std::move(kernel);
}

/// What no router outside may announce to us. For sure that holds of ClusterIPs alone, where their ranges are given and
/// nodes do not tell each other of them: other nodes' pods and load balancers' addresses come by eBGP as well, from
/// routers that pass them on.
void add_guard(const BgpConfiguration& conf, const Announced& announced, ordered_json& out) {
  if (announced.mesh_has_services) return;
  ordered_json ranges = ordered_json::array();
  for (const auto& range : joined(conf.services.cluster_ranges))
    if (!range.is_default()) ranges.push_back(range.to_string());
  if (!ranges.empty()) out["guard"] = {{"ranges", std::move(ranges)}};
}

/// Nothing: bgpd chooses.
std::optional<std::string> router_id_of(const Node& node) {
  if (node.overrides.router_id) return config::print_router_id(*node.overrides.router_id);
  const auto v4 = node.address(AddressFamily::IPv4);
  return v4 ? std::optional(v4->to_string()) : std::nullopt;
}

void add_identity(const BgpConfiguration& conf, const Speaker& self, ordered_json& out) {
  out["localAs"] = self.as.value;
  if (const auto id = router_id_of(*self.node)) out["routerId"] = *id;
  if (!conf.listen_port) return;
  out["listen"] = ordered_json::array();
  for (const char* any : {"0.0.0.0", "::"}) out["listen"].push_back({{"address", any}, {"port", *conf.listen_port}});
}

struct Drain {
  const char* reason;
  const char* message;
  /// Traffic to Services is to move away at once. Not for a cordon: nothing leaves with it, and nothing keeps all nodes
  /// from being cordoned at one time, which would leave nobody who announces them.
  bool moves_services = true;
};

/// What asks this node's speaker to drain, if anything does.
std::optional<Drain> why_drained(const BgpConfiguration& conf, const Node& node) {
  if (node.overrides.drain == true) return Drain{"Annotated", "the Node's annotation slash32.io/drain is \"true\""};
  if (node.overrides.drain == false) return std::nullopt;
  if (node.shutting_down) return Drain{"ShuttingDown", "the kubelet shuts the node down"};
  if (conf.drain_on_cordon && node.unschedulable)
    return Drain{"Cordoned", "the Node is cordoned (drainOnCordon of BGPConfiguration)", false};
  return std::nullopt;
}

ordered_json bgpd_document(const World& world, const BgpConfiguration& conf, const Speaker& self, const Parts& parts,
                           const std::vector<Entry>& entries, const PlanOptions& options) {
  ordered_json out = ordered_json::object();
  add_identity(conf, self, out);
  if (parts.neighbors.reflects && conf.reflectors->cluster_id)
    out["clusterId"] = config::print_router_id(*conf.reflectors->cluster_id);
  if (why_drained(conf, *self.node)) out["drain"] = true;
  out["logLevel"] = conf.log_level;
  out["control"] = {{"socket", options.bgpd_socket}};
  out["stateFile"] = options.bgpd_state_file;
  if (conf.metrics_address) out["metrics"] = {{"address", *conf.metrics_address}};
  add_kernel(conf, *self.node, out);
  add_guard(conf, parts.announced, out);
  out["originate"] = originate_json(parts.announced, entries);
  if (!parts.neighbors.groups.empty()) out["peerGroups"] = parts.neighbors.groups;
  out["neighbors"] = parts.neighbors.neighbors;
  out["policies"] = policies_json(parts.announced, parts.neighbors, world);
  return out;
}

class Planner {
 public:
  /// `kept`: what is known from the plan before.
  Planner(const World& world, const PlanOptions& options, KeptPlan& kept, ServiceNews& news)
      : world_(world), options_(options), kept_(kept), news_(news) {}

  Desired make() {
    if (!has_all_lists(node_lists())) return take();
    if (is_left_out(Kind::Node, options_.node_name) || is_configuration_unreadable()) return take();
    const auto at = world_.nodes.find(options_.node_name);
    if (at == world_.nodes.end()) {
      wait("Node " + options_.node_name + " is not there");
      return take();
    }
    const auto& conf = configuration_of(world_);
    plan_node(conf, at->second);
    plan_bgpd(conf, at->second);
    return take();
  }

 private:
  static std::set<Kind> node_lists() { return {Kind::Node, Kind::BgpConfiguration}; }

  void wait(std::string sentence) { out_.waiting.push_back(std::move(sentence)); }

  bool has_all_lists(const std::set<Kind>& kinds) {
    std::vector<std::string> missing;
    for (const auto kind : kinds)
      if (!world_.listed.contains(kind)) missing.push_back(std::string(to_string(kind)));
    for (const auto& kind : missing) wait("the API server has not said yet which " + kind + "s there are");
    return missing.empty();
  }

  /// Left out, and not there as it was before either.
  bool is_left_out(Kind kind, const std::string& name) {
    const bool there = kind == Kind::Node ? world_.nodes.contains(name) : world_.configurations.contains(name);
    for (const auto& problem : world_.left_out) {
      if (problem.kind != kind || problem.key.name != name || there) continue;
      wait(text_of(problem));
      return true;
    }
    return false;
  }

  bool is_configuration_unreadable() { return is_left_out(Kind::BgpConfiguration, model::kDefaultConfiguration); }

  void plan_node(const BgpConfiguration& conf, const Node& node) {
    out_.pod_cidrs = node.pod_cidrs;
    auto file = plan_node_file(world_, conf, node);
    out_.node_json = std::move(file.text);
    std::vector<std::string> said;
    for (auto& sentence : {file.waiting, file.notice})
      if (!sentence.empty()) said.push_back(sentence);
    if (!file.waiting.empty()) wait(file.waiting);
    condition("NodeConfigured", out_.node_json.has_value(), out_.node_json ? "Configured" : "Waiting",
              joined_text(said));
    if (!file.waiting.empty()) warn("PodCIDRMissing", file.waiting);
    if (out_.node_json && conf.masquerade.enabled && conf.pod_ranges.empty() && !options_.keeps_tables)
      say_ranges_are_guessed();
  }

  /// What is exempt from an admin's own network stands in the kernel since its last pod was added: nobody calls the
  /// plugin when a node joins.
  void say_ranges_are_guessed() {
    condition("PodRangesGiven", false, "TakenFromNodes",
              "BGPConfiguration has no pods.ranges, and masquerading is on: exempt are the ranges of the nodes there "
              "were when a pod was added here last; what pods here send to pods of a node that joined later carries "
              "this node's address until another pod is added");
  }

  void plan_bgpd(const BgpConfiguration& conf, const Node& node) {
    const auto bgpd = make_bgpd(conf, node);
    if (!bgpd.empty()) wait(bgpd);
    for (const auto& problem : world_.left_out) problems_.push_back(text_of(problem));
    for (const auto& neighbor : out_.neighbors)
      if (!neighbor.problem.empty()) problems_.push_back(neighbor.origin + ": " + neighbor.problem);
    if (!bgpd.empty()) problems_.insert(problems_.begin(), bgpd);
    const auto* reason = !out_.bgpd_json ? "Waiting" : problems_.empty() ? "Configured" : "Problems";
    condition("BGPConfigured", out_.bgpd_json && problems_.empty(), reason, joined_text(problems_));
    if (!problems_.empty() && !listening_) warn("BGPNotAsConfigured", joined_text(problems_));
    say_drain(conf, node);
  }

  /// An annotation that cannot be read changes nothing but what is said of this node.
  void say_drain(const BgpConfiguration& conf, const Node& node) {
    const auto& error = node.overrides.drain_error;
    const auto drain = why_drained(conf, node);
    if (drain)
      condition("Draining", true, drain->reason, drain->message + (error ? "; " + error->message : ""));
    else if (error)
      condition("Draining", false, "InvalidAnnotation", error->message);
    if (error) warn("InvalidDrainAnnotation", error->message);
  }

  /// Empty, or why bgpd.json stays as it is.
  std::string make_bgpd(const BgpConfiguration& conf, const Node& node) {
    if (!node.overrides.errors.empty())
      return "Node " + node.meta.key.name + ": " + node.overrides.errors.front().message;
    const auto needs = needs_of(world_, options_.node_name);
    listening_ = !has_all_lists(needs.kinds);
    if (listening_) return "the API server has not said everything yet";
    const Speaker self{&node, node.overrides.as.value_or(conf.as)};
    out_.as = self.as;
    out_.router_id = router_id_of(node);
    Parts parts;
    parts.neighbors = plan_neighbors(world_, conf, self, options_);
    out_.neighbors = parts.neighbors.planned;
    if (!parts.neighbors.notice.empty()) problems_.push_back(parts.neighbors.notice);
    if (!parts.neighbors.broken.empty()) return "BGPConfiguration default: " + parts.neighbors.broken;
    parts.announced = announce(conf, node);
    return finish(conf, self, parts);
  }

  Announced announce(const BgpConfiguration& conf, const Node& node) {
    const auto advertisements = advertisements_on(world_, conf, node);
    for (const auto& problem : advertisements.problems) problems_.push_back(text_of(problem));
    const auto& services = kept_.services(world_, {world_, conf, node, advertisements.list}, news_);
    out_.services.announced = static_cast<std::uint32_t>(services.routes.size());
    out_.services.withheld = services.withheld;
    auto refused = joined_text(services.refused);
    if (services.refused_count > services.refused.size())
      refused += "; and " + std::to_string(services.refused_count - services.refused.size()) + " more";
    condition("ServicesAccepted", services.refused_count == 0, services.refused_count == 0 ? "Accepted" : "OutOfRange",
              refused);
    auto out = announced_by(world_, conf, node, advertisements, services.routes);
    out.only_here = services.only_here;
    say_what_is_not_dropped(out.not_dropped);
    const auto drain = why_drained(conf, node);
    out.drain_keeps_services = drain && !drain->moves_services;
    return out;
  }

  void say_what_is_not_dropped(const std::set<Prefix>& aggregates) {
    if (aggregates.empty()) return;
    std::vector<std::string> texts;
    for (const auto& prefix : aggregates) texts.push_back(prefix.to_string());
    condition("UnusedAddressesDropped", false, "InUse",
              "services.unusedAddresses Drop leaves aggregates alone in which pods or nodes have addresses: " +
                  joined_text(texts));
  }

  /// Of a document like the one before, only what is new in it is checked.
  std::string finish(const BgpConfiguration& conf, const Speaker& self, const Parts& parts) {
    auto entries = entries_of(parts.announced);
    const auto news = kept_.not_accepted(entries);
    auto document = bgpd_document(world_, conf, self, parts, news, options_);
    auto text = document.dump(2) + "\n";
    const auto check = config::check_bgpd_conf(text);
    if (!check.errors.empty()) return "bgpd.json would be refused: " + check.errors.front().message;
    if (news.size() < entries.size()) text = document_text(std::move(document), entries);
    kept_.accept(std::move(entries));
    out_.bgpd_json = std::move(text);
    out_.secret_files = parts.neighbors.secret_files;
    return {};
  }

  void condition(const char* type, bool status, const char* reason, std::string message) {
    out_.conditions.push_back({type, status, reason, std::move(message)});
  }

  void warn(const char* reason, std::string message) {
    out_.events.push_back({Kind::Node, {"", options_.node_name}, true, reason, std::move(message), {}});
  }

  Desired take() { return std::move(out_); }

  const World& world_;
  const PlanOptions& options_;
  KeptPlan& kept_;
  ServiceNews& news_;
  std::vector<std::string> problems_;
  bool listening_ = false;  // lists are on their way: every agent begins so, and nobody need look into it
  Desired out_;
};

}  // namespace

std::string joined_text(const std::vector<std::string>& sentences) {
  std::string out;
  for (std::size_t i = 0; i < std::min(sentences.size(), kMaxTold); ++i) out += (i == 0 ? "" : "; ") + sentences[i];
  if (sentences.size() > kMaxTold) out += "; and " + std::to_string(sentences.size() - kMaxTold) + " more";
  return out;
}

Desired make_plan(const World& world, const PlanOptions& options) {
  KeptPlan nothing;
  ServiceNews news;
  for (const auto& [key, slice] : world.endpoint_slices) news.slice(nullptr, &slice);
  return nothing.make(world, options, news);
}

Desired KeptPlan::make(const World& world, const PlanOptions& options, ServiceNews& news) {
  return Planner(world, options, *this, news).make();
}

}  // namespace slash32::agent::plan
