#include "agent/assigner.h"

#include <algorithm>
#include <utility>

#include "agent/plan/accepted.h"
#include "agent/plan/status.h"
#include "agent/reports.h"

namespace slash32::agent {
namespace {

using model::Kind;
using nlohmann::json;

constexpr Seconds kBetweenStatuses{10};  // of one object: its counters move with every Service
constexpr Seconds kSoon{1};              // the watch brings what we did not know
constexpr Seconds kRefused{10};
constexpr Seconds kPause{10};
constexpr int kUnauthorized = 401, kForbidden = 403, kNotFound = 404, kConflict = 409, kTooMany = 429, kServer = 500;

bool is_good(int status) { return status >= 200 && status < 300; }

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string name_of(const Assigner::Target& target) {
  return std::string(to_string(target.kind)) + " " + target.key.to_string();
}

std::string text_of(const std::vector<IpAddress>& addresses) {
  std::string out;
  for (const auto& address : addresses) {
    if (!out.empty()) out += ",";
    out += address.to_string();
  }
  return out.empty() ? "none" : out;
}

/// Its version in it makes the API refuse (409) what was planned of a Service that has changed since.
kube::Request write_ingress(const model::Service& service, const std::vector<IpAddress>& addresses) {
  json ingress = nullptr;
  for (const auto& address : addresses) ingress.push_back({{"ip", address.to_string()}});
  const json patch = {{"metadata", {{"resourceVersion", service.version.value}}},
                      {"status", {{"loadBalancer", {{"ingress", std::move(ingress)}}}}}};
  const auto& key = service.meta.key;
  return {.method = "PATCH",
          .target = kube::object_path(resource_of(Kind::Service), key.space, key.name, "status"),
          .body = dump(patch),
          .content_type = "application/merge-patch+json"};
}

/// A JSON patch (RFC 6902) replaces the whole of it, also what is not there any more. The version in it makes the API
/// refuse (409) what was made of an object that has changed since, by the holder after us say.
kube::Request write_status(const Assigner::Target& target, const json& status, const std::string& version) {
  json patch = {{{"op", "add"}, {"path", "/status"}, {"value", status}}};
  if (!version.empty()) patch.push_back({{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", version}});
  return {.method = "PATCH",
          .target = kube::object_path(resource_of(target.kind), {}, target.key.name, "status"),
          .body = dump(patch),
          .content_type = "application/json-patch+json"};
}

}  // namespace

void Assigner::make_plan(const plan::World& world) {
  stale_ = false;
  // Without a pool there is nothing to assign, and what Services have is nobody's business.
  plan_ = world.pools.empty() ? plan::LbPlan{} : plan::plan_load_balancers(world);
  queue_.assign(plan_.assignments.begin(), plan_.assignments.end());
  counters_ = plan::pool_counters(plan_);
  conditions_.clear();
  for (auto& [name, condition] : plan::pool_conditions(world, plan_))
    conditions_[{Kind::IpPool, {"", name}}] = condition;
  for (auto& [name, condition] : plan::peer_conditions(world)) conditions_[{Kind::BgpPeer, {"", name}}] = condition;
  for (auto& [at, condition] : plan::accepted_resources(world)) conditions_[{at.first, {"", at.second}}] = condition;
  std::erase_if(said_, [&](const auto& entry) { return !conditions_.contains(entry.first); });
  std::erase_if(troubles_, [&](const auto& entry) {
    const auto& [kind, key] = entry.first;
    return kind == Kind::Service ? !world.services.contains(key) : !conditions_.contains(entry.first);
  });
  std::ranges::stable_sort(queue_, {}, [&](const auto& one) { return refused_at({Kind::Service, one.service}); });
}

void Assigner::service_changed(const plan::World& world) {
  const auto found = asked_service_ ? world.services.find(asked_service_->meta.key) : world.services.end();
  if (found != world.services.end() && found->second == *asked_service_)
    asked_service_.reset();
  else
    stale_ = true;
}

/// When it was refused last; what was not comes first. Each refusal may hold up all for a while: what is always refused
/// must not take each turn there is.
Instant Assigner::refused_at(const Target& target) const {
  const auto found = troubles_.find(target);
  return found == troubles_.end() ? Instant::min() : found->second.since;
}

/// What a Service was refused is tried again with a plan of then.
void Assigner::end_waits(Instant now) {
  for (auto at = wait_.begin(); at != wait_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    if (at->first.kind == Kind::Service) stale_ = true;
    at = wait_.erase(at);
  }
}

std::optional<kube::Request> Assigner::next(const plan::World& world, const std::function<Instant()>& clock,
                                            const std::string& wall) {
  const auto now = clock();
  if (asked_ || now < pause_) return std::nullopt;
  end_waits(now);
  if (stale_) {
    if (now < pace_.rested()) return std::nullopt;
    make_plan(world);
    pace_.planned(now, clock());
  }
  const auto* service = first_service(world);
  if (service != nullptr && refused_at({Kind::Service, service->service}) == Instant::min()) return ask_service(world);
  auto status = first_status(world, wall);
  const bool service_first =
      service != nullptr && (!status || refused_at({Kind::Service, service->service}) <= refused_at(status->target));
  if (service_first) return ask_service(world);
  if (!status) return std::nullopt;
  asked_ = status->target;
  asked_what_ = std::move(status->reason);
  asked_status_ = std::move(status->said);
  return write_status(*asked_, asked_status_.status, found_in(world, *asked_).named.version);
}

/// Nothing: none is to be asked now.
const plan::LbAssignment* Assigner::first_service(const plan::World& world) {
  while (!queue_.empty()) {
    const auto& key = queue_.front().service;
    if (world.services.contains(key) && !wait_.contains({Kind::Service, key})) return &queue_.front();
    queue_.pop_front();
  }
  return nullptr;
}

/// The first of the queue.
kube::Request Assigner::ask_service(const plan::World& world) {
  const auto assignment = std::move(queue_.front());
  queue_.pop_front();
  const auto& service = world.services.at(assignment.service);
  asked_ = Target{Kind::Service, assignment.service};
  asked_what_ = text_of(assignment.addresses);
  asked_version_ = service.version.value;
  asked_service_ = service;
  asked_service_->ingress = assignment.addresses;
  return write_ingress(service, assignment.addresses);
}

/// Empty where it is gone, or never could be read.
Assigner::Found Assigner::found_in(const plan::World& world, const Target& target) {
  const auto in = [&](const auto& resources) -> Found {
    const auto at = resources.find(target.key.name);
    if (at == resources.end()) return {};
    const auto& one = at->second;
    return {{one.meta.uid, one.version.value}, one.status.value};
  };
  switch (target.kind) {
    case Kind::IpPool:
      return in(world.pools);
    case Kind::BgpPeer:
      return in(world.peers);
    case Kind::BgpConfiguration:
      return in(world.configurations);
    case Kind::BgpFilter:
      return in(world.filters);
    case Kind::BgpAdvertisement:
      return in(world.advertisements);
    default:
      return {};
  }
}

/// As we left it, or found it; null where it has none, or it is not known. What we said comes first: an API that keeps
/// less of it than we say must not be told again and again. One that was made anew under its name was told nothing.
json Assigner::status_before(const plan::World& world, const Target& target) const {
  const auto found = found_in(world, target);
  const auto said = said_.find(target);
  return said != said_.end() && said->second.uid == found.named.uid ? said->second.status : found.status;
}

std::optional<Assigner::StatusWrite> Assigner::first_status(const plan::World& world, const std::string& wall) const {
  std::vector<const Target*> targets;
  for (const auto& [target, condition] : conditions_)
    if (!wait_.contains(target)) targets.push_back(&target);
  std::ranges::stable_sort(targets, {}, [&](const Target* target) { return refused_at(*target); });
  for (const auto* target : targets) {
    const auto& condition = conditions_.at(*target);
    const auto had = status_before(world, *target);
    auto wanted = json::object();
    if (const auto counters = counters_.find(target->key.name);
        target->kind == Kind::IpPool && counters != counters_.end())
      wanted = counters->second;
    wanted["conditions"] = {plan::condition_json(condition, {{"status", had}}, wall)};
    if (wanted != had)
      return StatusWrite{*target, condition.reason, {found_in(world, *target).named.uid, std::move(wanted)}};
  }
  return std::nullopt;
}

Assigner::Answer Assigner::answered(const Result<kube::Response>& result, Instant now) {
  Answer out;
  if (!asked_) return out;
  out.target = *std::exchange(asked_, std::nullopt);
  out.what = asked_what_;
  out.told = !std::exchange(asked_service_, std::nullopt);
  if (!result || !is_good(result->head.status)) {
    refused(out, result, now);
    return out;
  }
  troubles_.erase(out.target);
  if (out.target.kind == Kind::Service) {
    auto object = json::parse(result->body, nullptr, false);
    if (object.is_object()) out.object = std::move(object);
    out.version = asked_version_;
    out.unknown = !out.object;
    return out;
  }
  said_[out.target] = asked_status_;
  wait_[out.target] = now + kBetweenStatuses;
  return out;
}

/// What is wrong with one object holds up that one alone; what is wrong with the server or our rights, all of them.
void Assigner::refused(Answer& answer, const Result<kube::Response>& result, Instant now) {
  const int status = result ? result->head.status : 0;
  troubles_[answer.target] = {
      !result ? result.error().message : "HTTP " + std::to_string(status) + ": " + kube::message_of(result->body), now};
  const bool all =
      !result || status == kUnauthorized || status == kForbidden || status == kTooMany || status >= kServer;
  if (all)
    pause_ = now + std::min(result ? result->head.retry_after.value_or(kPause) : kPause, kube::kLongestRetryAfter);
  // Others come first after the pause: what was refused may be wrong with this one alone, whatever the status says.
  const bool has_news = status == kConflict || status == kNotFound;
  wait_[answer.target] = has_news ? now + kSoon : std::max(now, pause_) + kRefused;
  answer.unknown = answer.target.kind == Kind::Service && (!result || status >= kServer);
  if (has_news) troubles_.erase(answer.target);  // the watch has news of it
}

std::optional<Instant> Assigner::again() const {
  if (asked_) return std::nullopt;
  std::optional<Instant> out;
  if (stale_) return std::max(pause_, pace_.rested());
  for (const auto& [target, until] : wait_) out = out ? std::min(*out, until) : until;
  if (!queue_.empty() || out) out = std::max(out.value_or(pause_), pause_);
  return out;
}

std::string Assigner::trouble() const {
  if (troubles_.empty()) return {};
  const auto& [target, trouble] = *troubles_.begin();
  const auto more = troubles_.size() == 1 ? "" : " (and " + std::to_string(troubles_.size() - 1) + " more)";
  return name_of(target) + ": " + trouble.why + more;
}

}  // namespace slash32::agent
