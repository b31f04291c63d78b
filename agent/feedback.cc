#include "agent/feedback.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/reports.h"
#include "common/log.h"

namespace slash32::agent {
namespace {

constexpr Seconds kBetweenWrites{10};
constexpr Seconds kBetweenCounts{300};
constexpr Seconds kAfterRefusal{60};
constexpr Seconds kBetweenLooks{300};
constexpr std::size_t kMaxEvents = 100;  // waiting; more at once is a storm, and the status has them all
constexpr std::size_t kMaxRefused = 10;  // one after another, before a pause
constexpr int kUnauthorized = 401, kNotFound = 404, kConflict = 409, kTooMany = 429;
constexpr std::int64_t kSameStart = 2;  // seconds by which a session's beginning may seem to move

Instant now() { return std::chrono::steady_clock::now(); }
std::int64_t unix_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

bool is_good(int status) { return status >= 200 && status < 300; }

/// What is wrong with this one request, and not with the server or who we are.
bool is_its_own(const Result<kube::Response>& result) {
  const int status = result ? result->head.status : 0;
  return status >= 400 && status < 500 && status != kUnauthorized && status != kTooMany;
}

/// A status without what changes with every prefix, numbers in sentences included.
nlohmann::json without_counters(nlohmann::json status) {
  const auto each = [&](const char* list, auto change) {
    if (!status.is_object() || !status.contains(list)) return;
    for (auto& one : status[list])
      if (one.is_object()) change(one);
  };
  each("neighbors", [](nlohmann::json& neighbor) {
    for (const char* key : {"received", "announced"}) neighbor.erase(key);
  });
  each("conditions", [](nlohmann::json& condition) {
    if (!condition.contains("message") || !condition["message"].is_string()) return;
    std::erase_if(condition["message"].get_ref<std::string&>(), [](char c) { return c >= '0' && c <= '9'; });
  });
  return status;
}

/// Made for an earlier Node of this name: the collector removes it.
bool is_of_another_node(const nlohmann::json& object, const std::string& uid) {
  const auto owners = object.value(nlohmann::json::json_pointer("/metadata/ownerReferences"), nlohmann::json::array());
  return !owners.empty() &&
         std::ranges::none_of(owners, [&](const auto& owner) { return owner.value("uid", "") == uid; });
}

/// `since` is worked out from an age in whole seconds, and would flicker.
void steady(std::map<std::string, plan::SessionView>& sessions,
            const std::map<std::string, plan::SessionView>& before) {
  for (auto& [name, session] : sessions) {
    const auto found = before.find(name);
    if (found == before.end() || session.since.empty() || found->second.since.empty()) continue;
    for (std::int64_t off = -kSameStart; off <= kSameStart; ++off) {
      std::tm parts{};
      if (::strptime(session.since.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) break;
      if (rfc3339(static_cast<std::int64_t>(::timegm(&parts)) + off) == found->second.since)
        session.since = found->second.since;
    }
  }
}

}  // namespace

std::optional<nlohmann::json> Feedback::taken(const std::string& what, const Result<kube::Response>& result) {
  std::string why;
  if (!result) {
    why = result.error().message;
  } else if (!is_good(result->head.status)) {
    why = "HTTP " + std::to_string(result->head.status) + ": " + kube::message_of(result->body);
  } else {
    trouble_.clear();
    auto object = nlohmann::json::parse(result->body, nullptr, false);
    return object.is_object() ? std::move(object) : nlohmann::json::object();
  }
  why = what + ": " + why;
  if (trouble_ != why) log::warn("not told to the API", {{"what", what}, {"why", why}});
  trouble_ = why;
  return std::nullopt;
}

// ---------------------------------------------------------------- Events

void Feedback::events(const std::vector<plan::Event>& now_in_plan, const std::string& node_uid) {
  node_uid_ = node_uid;
  const std::set<plan::Event> wanted(now_in_plan.begin(), now_in_plan.end());
  std::erase_if(said_, [&](const auto& event) { return !wanted.contains(event); });
  std::erase_if(to_say_, [&](const auto& event) { return !wanted.contains(event); });
  for (const auto& event : wanted) {
    if (to_say_.size() >= kMaxEvents || !said_.insert(event).second) continue;
    log::write(event.warning ? log::Level::Warn : log::Level::Info, event.message,
               {{"reason", event.reason}, {"about", std::string(to_string(event.kind)) + " " + event.key.to_string()}});
    to_say_.push_back(event);
  }
  next_event();
}

void Feedback::next_event() {
  if (saying_ || to_say_.empty() || now() < say_again_) return;
  saying_ = true;
  const auto event = to_say_.front();
  const auto asked =
      client_.ask(event_request(event, node_, node_uid_, rfc3339(unix_now())), [this, event](const auto& result) {
        saying_ = false;
        const bool there = result && result->head.status == kConflict;  // an earlier life said it
        const bool said = there || taken("an Event", result);
        const bool wanted = !to_say_.empty() && to_say_.front() == event;
        if (wanted) to_say_.pop_front();
        if (!said && wanted) to_say_.push_back(event);  // there may be one for ever, and the others come first
        if (!said && (!is_its_own(result) || ++refused_in_row_ >= std::min(to_say_.size(), kMaxRefused))) {
          refused_in_row_ = 0;
          say_again_ = now() + kAfterRefusal;  // the next plan or tick comes by here
          return;
        }
        next_event();
      });
  if (!asked) saying_ = false;
}

// ---------------------------------------------------------------- the Node

void Feedback::clear_network_unavailable() {
  if (clearing_ || now() < clear_again_) return;
  clearing_ = true;
  const auto asked =
      client_.ask(agent::clear_network_unavailable(node_, rfc3339(unix_now())), [this](const auto& result) {
        clearing_ = false;
        const bool done = taken("NetworkUnavailable", result).has_value();
        clear_again_ = now() + (done ? kBetweenWrites : kAfterRefusal);
        if (done) log::info("NetworkUnavailable cleared", {{"node", node_}});
      });
  if (!asked) clearing_ = false;
}

// ---------------------------------------------------------------- BGPNodeStatus

void Feedback::status(const plan::Desired& desired, const plan::PlanOptions& options, plan::NodeView view) {
  next_event();
  if (writing_ || now() < write_again_) return;
  if (known_ == Known::There && is_of_another_node(object_, view.uid)) {
    known_ = Known::Nothing;
    write_again_ = now() + kBetweenWrites;
  }
  if (known_ == Known::There && now() >= look_again_) known_ = Known::Nothing;  // somebody may have removed it
  if (known_ == Known::Nothing) return look_up();
  steady(view.sessions, sessions_);
  sessions_ = view.sessions;
  const auto object = plan::node_status_object(
      desired, options, view, known_ == Known::There ? object_ : nlohmann::json(), rfc3339(unix_now()));
  if (known_ == Known::Absent) return create(object);
  const auto had = object_.value("status", nlohmann::json()), wanted = object.value("status", nlohmann::json());
  if (had == wanted) return;
  if (now() < count_again_ && without_counters(had) == without_counters(wanted)) return;
  patch(object);
}

void Feedback::look_up() {
  writing_ = client_
                 .ask(get_node_status(node_),
                      [this](const auto& result) {
                        writing_ = false;
                        // Of an object that is not there a Status tells; of a kind that is not there, plain text.
                        if (result && result->head.status == kNotFound && result->body.starts_with('{')) {
                          known_ = Known::Absent;
                        } else if (auto object = taken("BGPNodeStatus", result)) {
                          known_ = Known::There;
                          object_ = *std::move(object);
                          look_again_ = now() + kBetweenLooks;
                        } else {
                          write_again_ = now() + kAfterRefusal;
                        }
                      })
                 .has_value();
}

void Feedback::create(const nlohmann::json& object) {
  writing_ = client_
                 .ask(create_node_status(object),
                      [this](const auto& result) {
                        writing_ = false;
                        if (auto made = taken("BGPNodeStatus", result)) {
                          known_ = Known::There;
                          object_ = *std::move(made);
                          look_again_ = now() + kBetweenLooks;
                        } else {
                          known_ = Known::Nothing;
                          write_again_ = now() + kAfterRefusal;
                        }
                      })
                 .has_value();
}

void Feedback::patch(const nlohmann::json& object) {
  writing_ = client_
                 .ask(patch_node_status(node_, object),
                      [this](const auto& result) {
                        writing_ = false;
                        write_again_ = now() + kBetweenWrites;
                        count_again_ = now() + kBetweenCounts;
                        if (auto made = taken("BGPNodeStatus", result)) {
                          object_ = *std::move(made);
                        } else {
                          known_ = Known::Nothing;  // somebody may have removed or changed it: look again
                          write_again_ = now() + kAfterRefusal;
                        }
                      })
                 .has_value();
}

}  // namespace slash32::agent
