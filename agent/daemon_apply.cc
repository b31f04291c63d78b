// What comes out of a plan: files, and what others are told about them. Everything that fails is tried again with the
// next tick, and is in the status until it has worked.
#include <algorithm>
#include <ctime>
#include <iterator>
#include <utility>

#include "agent/conflist.h"
#include "agent/daemon.h"
#include "agent/node_files.h"
#include "agent/node_tables.h"
#include "agent/reports.h"
#include "common/fd.h"
#include "common/json_field.h"
#include "common/log.h"
#include "config/node_conf.h"

namespace slash32::agent {
namespace {

constexpr Seconds kAskUnready{2};  // so soon is bgpd asked again while it is not ready …
constexpr Seconds kAskReady{10};   // … and so while it is
constexpr Seconds kApiPatience{
    5};  // so long a node that has lost its node.json waits for the API to say what it is now
constexpr int kOk = 200;

Instant now() { return Instant::clock::now(); }

/// The "error" of an answer of bgpd's.
std::string error_in(const BgpdAnswer& answer) {
  const auto document = parse_json(answer.body);
  if (document && document->is_object() && document->contains("error") && (*document)["error"].is_string())
    return (*document)["error"].get<std::string>();
  return "HTTP " + std::to_string(answer.status);
}

/// The reasons of an answer to /v1/ready.
std::string reasons_in(const BgpdAnswer& answer) {
  const auto document = parse_json(answer.body);
  std::string out;
  if (document && document->is_object() && document->contains("reasons") && (*document)["reasons"].is_array())
    for (const auto& reason : (*document)["reasons"])
      if (reason.is_string()) out += (out.empty() ? "" : "; ") + reason.get<std::string>();
  return out.empty() ? error_in(answer) : out;
}

}  // namespace

/// A trouble is logged when it begins or changes, and when it is over.
void Daemon::note(std::string& place, const std::string& what, const std::string& why) {
  const auto text = why.empty() ? std::string() : what + ": " + why;
  if (place == text) return;
  if (text.empty())
    log::info("over", {{"trouble", place}});
  else
    log::warn(what, {{"why", why}});
  place = text;
}

void Daemon::apply() {
  apply_node();
  if (wants_bgpd()) apply_bgpd();
  try_conflist();
  tell_api();
}

// ---------------------------------------------------------------- node.json

void Daemon::apply_node() {
  if (!desired_->node_json) return;
  if (!done_.ranges_trouble.empty()) return;  // a range that may hold pods must never be forgotten
  auto written = write_if_changed(options_.node_file, *desired_->node_json);
  if (written && *written) {
    ++writes_;
    log::info("node.json written", {{"file", options_.node_file.string()}});
  }
  if (written) {
    done_.node_file = true;
    written = write_if_changed(copy_of_node_file(options_), *desired_->node_json);
  }
  note(done_.node_trouble, "node.json is not written", written ? "" : written.error().message);
  keep_tables();
}

/// With each tick as well: an ADD that had read the node.json before may have written after us, and others flush.
void Daemon::keep_tables() {
  if (options_.no_conflist || !done_.node_trouble.empty()) return;
  const auto kept = keep_node_tables(kNetworkName, *desired_->node_json);
  note(done_.tables_trouble, "the node's nftables tables are not kept", kept ? "" : kept.error().message);
}

/// After a reboot /run is empty. Where the API is not heard of soon, what this node was is better than nothing.
void Daemon::restore_copy() {
  if (done_.node_file || now() - started_ < kApiPatience) return;
  const auto& listed = store_.world().listed;  // without both, nothing is planned
  if (!listed.contains(model::Kind::Node) || !listed.contains(model::Kind::BgpConfiguration)) {
    const auto restored = restore_node_file(options_);
    if (restored && *restored)
      log::warn("node.json put back from its copy: the API has not said what this node is",
                {{"copy", copy_of_node_file(options_).string()}});
    note(done_.node_trouble, "node.json is not put back", restored ? "" : restored.error().message);
  }
  const auto there = config::read_node_conf(options_.node_file);
  done_.node_file = there && *there;
}

// ---------------------------------------------------------------- bgpd

void Daemon::apply_bgpd() {
  if (!ranges_known_) return;  // a plan without the former ranges withdraws them
  if (desired_->bgpd_json && !done_.bgpd_file) {
    auto secrets = write_secrets(desired_->secret_files);
    auto written = secrets ? write_if_changed(options_.bgpd_config, *desired_->bgpd_json, 0640)
                           : Result<bool>(std::unexpected(secrets.error()));
    note(done_.bgpd_trouble, "bgpd.json is not written", written ? "" : written.error().message);
    if (!written) return;
    done_.bgpd_file = true;
    if (*written) log::info("bgpd.json written", {{"file", options_.bgpd_config.string()}});
    const bool owed = std::exchange(done_.owes, false);
    if (*written || *secrets) ++writes_;
    if (*written || *secrets || owed) reload_.wanted();
  }
  if (done_.bgpd_file) reload_bgpd();
}

void Daemon::reload_bgpd() {
  if (!reload_.begin(now())) return;
  bgpd_.ask("POST", "/v1/reload", [this, began = now()](const Result<BgpdAnswer>& answer) {
    using Answer = ReloadOrder::Answer;
    reload_took_ = now() - began;
    ++reloads_;
    const bool taken = answer && answer->status == kOk;
    const bool again = reload_.answered(!answer ? Answer::None : taken ? Answer::Taken : Answer::Refused, now());
    if (!answer) return note(done_.reload_trouble, "bgpd has not heard of its configuration", answer.error().message);
    note(done_.reload_trouble, "bgpd refuses its configuration", taken ? "" : error_in(*answer));
    if (again && done_.bgpd_file) return reload_bgpd();
    if (!reload_.done()) return;
    if (!desired_ || !desired_->bgpd_json || !done_.bgpd_file) return;  // a plan that waits names no password
    const auto swept = sweep_secrets(options_.secrets_dir, desired_->secret_files);
    if (!swept) log::warn("old password files stay", {{"why", swept.error().message}});
  });
}

void Daemon::ask_bgpd() {
  if (!wants_bgpd() || asking_bgpd_) return;
  if (now() - bgpd_asked_ < (bgpd_ready_.value_or(false) ? kAskReady : kAskUnready)) return;
  asking_bgpd_ = true;
  bgpd_asked_ = now();
  bgpd_.ask("GET", "/v1/ready", [this](const Result<BgpdAnswer>& answer) {
    heard_ready(answer);
    if (answer) return ask_sessions();
    sessions_.clear();
    speaker_conditions_.reset();
    heard_bgpd();
  });
}

void Daemon::heard_ready(const Result<BgpdAnswer>& answer) {
  const bool ready = answer && answer->status == kOk;
  bgpd_says_ = ready ? "" : !answer ? answer.error().message : "slash32-bgpd is not ready: " + reasons_in(*answer);
  if (bgpd_ready_ != ready) log::info(ready ? "bgpd is ready" : "bgpd is not ready", {{"says", bgpd_says_}});
  bgpd_ready_ = ready;
  bgpd_wait_.heard(answer && done_.bgpd_file && reload_.done(), now());
  if (desired_) try_conflist();
}

/// What cannot be read leaves what was known: one that is ending, say, does not answer all.
void Daemon::ask_sessions() {
  bgpd_.ask("GET", "/v1/neighbors", [this](const Result<BgpdAnswer>& answer) {
    if (answer && answer->status == kOk) {
      auto sessions = read_sessions(answer->body, static_cast<std::int64_t>(std::time(nullptr)));
      if (sessions) sessions_ = *std::move(sessions);
    }
    ask_conditions();
  });
}

void Daemon::ask_conditions() {
  bgpd_.ask("GET", "/v1/status", [this](const Result<BgpdAnswer>& answer) {
    if (answer && answer->status == kOk) {
      auto conditions = read_conditions(answer->body);
      if (conditions) speaker_conditions_ = *std::move(conditions);
    }
    heard_bgpd();
  });
}

void Daemon::heard_bgpd() {
  asking_bgpd_ = false;
  bgpd_heard_ = true;
  if (desired_) tell_api();
}

// ---------------------------------------------------------------- the runtime and the API

/// Last of all: from the moment it stands, the runtime calls the plugin. Written once in a life; what makes the node
/// less ready later never takes it away.
void Daemon::try_conflist() {
  if (options_.no_conflist || done_.conflist) return;
  if (!done_.node_file) return note(done_.conflist_trouble, "no conflist yet", "node.json is not there");
  if (const auto there = plugins_in_place(options_); !there)
    return note(done_.conflist_trouble, "no conflist yet", there.error().message);
  const bool bgpd_ready = !wants_bgpd() || bgpd_ready_.value_or(false);
  if (lacks_bgpd_file()) return note(done_.conflist_trouble, "no conflist yet", "bgpd.json is not there");
  if (wants_bgpd() && !((bgpd_ready || bgpd_wait_.is_over(now())) && done_.bgpd_file && reload_.done())) {
    const auto why = !bgpd_says_.empty() ? bgpd_says_ : "slash32-bgpd has not answered yet";
    return note(done_.conflist_trouble, "no conflist yet", why);
  }
  const auto written = write_conflist();
  note(done_.conflist_trouble, "the conflist is not written", written ? "" : written.error().message);
  done_.conflist = written.has_value();
  done_.conflist_early = done_.conflist && !bgpd_ready;
  if (done_.conflist_early)
    log::warn("bgpd is not ready; the conflist does not wait any longer", {{"why", bgpd_says_}});
  if (written && *written) log::info("conflist written", {{"file", options_.conflist.string()}});
}

Result<bool> Daemon::write_conflist() {
  const auto portmap = read_file(options_.cni_bin_dir / "portmap", 64 << 20).has_value();
  return write_if_changed(options_.conflist, conflist_text({.ipam_dir = options_.ipam_dir,
                                                            .node_file = options_.node_file,
                                                            .state_dir = options_.state_dir,
                                                            .portmap = portmap}));
}

void Daemon::tell_api() {
  const auto own = store_.world().nodes.find(options_.node_name);
  if (own == store_.world().nodes.end()) return;  // nothing has been heard of the API, or we are not in it
  auto events = desired_->events;
  std::ranges::copy(leader_.events(), std::back_inserter(events));
  feedback_.events(events, own->second.meta.uid);
  if (own->second.network_unavailable && unready().empty()) feedback_.clear_network_unavailable();
  if (wants_bgpd() && !bgpd_heard_) return;  // a new agent's ignorance is no news of the node
  plan::NodeView view{.uid = own->second.meta.uid, .sessions = sessions_, .conditions = {}};
  view.conditions.push_back(plan::ready_condition(unready(), conditions()));
  if (wants_bgpd()) view.conditions.push_back(plan::speaker_condition(speaker_conditions_));
  feedback_.status(*desired_, plan_options_, std::move(view));
}

/// What keeps this node from having a pod network, in sentences.
std::vector<std::string> Daemon::unready() const {
  std::vector<std::string> out;
  if (!desired_) out.emplace_back("nothing is planned yet");
  if (desired_ && lacks_files()) out.insert(out.end(), desired_->waiting.begin(), desired_->waiting.end());
  if (!done_.node_file) out.emplace_back("node.json is not there");
  if (desired_ && lacks_bgpd_file()) out.emplace_back("bgpd.json is not there");
  if (!done_.node_trouble.empty()) out.push_back(done_.node_trouble);
  if (wants_bgpd() && !bgpd_ready_.value_or(false))
    out.push_back(bgpd_says_.empty() ? "slash32-bgpd has not answered yet" : bgpd_says_);
  if (wants_bgpd() && !done_.bgpd_trouble.empty()) out.push_back(done_.bgpd_trouble);
  if (!options_.no_conflist && !done_.conflist)
    out.push_back(done_.conflist_trouble.empty() ? "no conflist yet" : done_.conflist_trouble);
  return out;
}

/// Everything a person should know, ready or not.
std::vector<std::string> Daemon::conditions() const {
  auto out = unready();
  for (const auto* trouble : {&done_.reload_trouble, &done_.ranges_trouble, &done_.facts_trouble,
                              &done_.network_trouble, &done_.tables_trouble, &feedback_.trouble()})
    if (!trouble->empty()) out.push_back(*trouble);
  if (const auto trouble = leader_.trouble(); !trouble.empty()) out.push_back(trouble);
  if (done_.conflist_early && !bgpd_ready_.value_or(false))
    out.push_back("the conflist was written after " + std::to_string(ReadyWait::kMost.count()) +
                  " s without slash32-bgpd being ready: pods start, and may not reach other nodes yet");
  if (desired_ && !lacks_files()) out.insert(out.end(), desired_->waiting.begin(), desired_->waiting.end());
  for (const auto& [kind, view] : watches_.views())
    if (!view.trouble.empty()) out.push_back("not watching " + kind + ": " + view.trouble);
  for (const auto& problem : store_.world().left_out)
    out.push_back(std::string(to_string(problem.kind)) + " " + problem.key.to_string() + ": " + problem.message);
  return out;
}

}  // namespace slash32::agent
