#include "agent/kube/reflector.h"

#include <algorithm>
#include <utility>

namespace slash32::agent::kube {
namespace {

constexpr int kNotJson = 6;
constexpr int kOk = 200, kUnauthorized = 401, kForbidden = 403, kNotFound = 404, kGone = 410, kTooMany = 429,
              kUnavailable = 503, kTimeout = 504;

constexpr Seconds kListAnswer{65};        // the API server itself gives a request 60 s
constexpr Seconds kWatchAnswer{30};       // the head comes at once
constexpr Seconds kBodySilence{30};       // within a list
constexpr Seconds kBookmarkSilence{180};  // the API server sends one a minute, once it has sent any
constexpr Seconds kWatchGrace{30};        // beyond the time a watch was asked to last
constexpr Seconds kShortWatch{10};        // one that ends earlier and said nothing counts as a failure
constexpr Seconds kLongestWait{60};
constexpr Seconds kNotAllowedWait{30};  // somebody has to change a role first
constexpr Seconds kAbsentWait{30};      // until a CRD is looked for again
constexpr Seconds kAbsentGrace{60};     // a server that is starting answers 404 for CRDs it has not loaded yet
constexpr int kSilentWatches = 2;
constexpr std::size_t kMaxRefusal = 4096;

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const nlohmann::json& metadata_of(const nlohmann::json& object) {
  static const nlohmann::json kNone = nlohmann::json::object();
  const auto found = object.find("metadata");
  return found != object.end() && found->is_object() ? *found : kNone;
}

/// Empty: it has no name.
std::string key_of(const nlohmann::json& object) {
  const auto& metadata = metadata_of(object);
  const auto name = text_at(metadata, "name"), name_space = text_at(metadata, "namespace");
  return name.empty() || name_space.empty() ? name : name_space + "/" + name;
}

Duration scaled(Duration duration, double factor) { return std::chrono::duration_cast<Duration>(duration * factor); }

}  // namespace

// ---------------------------------------------------------------- asking

Actions Reflector::start(Instant now) {
  Actions out;
  consistent_ = !settings_.first_list_from_cache;
  begin_list();
  ask(now, out);
  return out;
}

void Reflector::begin_list() {
  goal_ = Goal::List;
  continue_.clear();
  ++list_number_;
}

void Reflector::ask(Instant now, Actions& out) {
  phase_ = Phase::Asked;
  asked_at_ = now;
  head_ = {};
  refusal_.clear();
  list_.reset();
  lines_.reset();
  goal_ == Goal::List ? ask_list(now, out) : ask_watch(now, out);
}

void Reflector::ask_list(Instant now, Actions& out) {
  deadline_ = now + kListAnswer;
  // A version without a limit means "not older than that", and comes from the server's cache. A continued list is of
  // the snapshot that its token names; a version beside it is an error.
  const bool from_cache = !consistent_ && continue_.empty();
  const bool whole = whole_ || (from_cache && !version_.empty());
  const auto version = !from_cache ? "" : version_.empty() ? "0" : version_;
  out.emplace_back(act::Fetch{with_query(collection_path(settings_.resource, settings_.name_space),
                                         {{"fieldSelector", settings_.field_selector},
                                          {"labelSelector", settings_.label_selector},
                                          {"limit", whole ? "" : std::to_string(settings_.page)},
                                          {"continue", continue_},
                                          {"resourceVersion", version}})});
}

void Reflector::ask_watch(Instant now, Actions& out) {
  deadline_ = now + kWatchAnswer;
  heard_ = bookmarks_ = expired_event_ = false;
  const auto lasts = settings_.watch_least + std::chrono::duration_cast<Seconds>(scaled(
                                                 settings_.watch_most - settings_.watch_least, settings_.chance()));
  watch_ends_at_ = now + lasts;
  ++counts_.watches;
  out.emplace_back(act::Fetch{with_query(collection_path(settings_.resource, settings_.name_space),
                                         {{"watch", "true"},
                                          {"fieldSelector", settings_.field_selector},
                                          {"labelSelector", settings_.label_selector},
                                          {"resourceVersion", version_},
                                          {"allowWatchBookmarks", "true"},
                                          {"timeoutSeconds", std::to_string(lasts.count())}})});
}

// ---------------------------------------------------------------- answers

Actions Reflector::on_head(const ResponseHead& head, Instant now) {
  Actions out;
  if (phase_ != Phase::Asked) return out;
  head_ = head;
  phase_ = head.status == kOk ? Phase::Answered : Phase::Refused;
  deadline_ = now + kBodySilence;
  if (phase_ == Phase::Refused) return out;
  if (goal_ == Goal::List) {
    list_.emplace();
  } else {
    lines_.emplace();
    silence_from(now);
    trouble({}, out);
  }
  return out;
}

/// How long a watch may say nothing.
void Reflector::silence_from(Instant now) {
  deadline_ = watch_ends_at_ + kWatchGrace;
  if (bookmarks_) deadline_ = std::min(*deadline_, now + kBookmarkSilence);
}

Actions Reflector::on_body(std::string_view bytes, Instant now) {
  Actions out;
  Status taken = ok();
  if (phase_ == Phase::Refused) {
    refusal_.append(bytes.substr(0, kMaxRefusal - std::min(kMaxRefusal, refusal_.size())));
  } else if (phase_ == Phase::Answered && goal_ == Goal::List) {
    deadline_ = now + kBodySilence;
    taken = list_->feed(bytes, [&](std::string_view text) { return take_item(text, out); });
  } else if (phase_ == Phase::Answered) {
    taken = lines_->feed(bytes, [&](std::string_view text) { return take_event(text, out); });
    if (taken) silence_from(now);
  }
  if (taken) return out;
  out.emplace_back(act::Cut{});
  if (expired_event_) {
    expired(now, out);
  } else {
    if (proved(now)) failures_in_row_ = 0;
    begin_list();  // what a watch said cannot be relied on any more
    broken(taken.error().message, now, out);
  }
  return out;
}

Actions Reflector::on_end(Instant now) {
  Actions out;
  if (phase_ == Phase::Refused) {
    refused(now, out);
  } else if (phase_ == Phase::Answered && goal_ == Goal::List) {
    list_ended(now, out);
  } else if (phase_ == Phase::Answered) {
    watch_ended(now, out);
  }
  return out;
}

Actions Reflector::on_failed(const std::string& why, Instant now) {
  Actions out;
  if (phase_ == Phase::Idle || phase_ == Phase::Waiting) return out;
  // Events are whole or not there, so a watch goes on behind the last one; a list begins again.
  if (goal_ == Goal::List) begin_list();
  if (proved(now)) failures_in_row_ = 0;
  broken(why, now, out);
  return out;
}

Actions Reflector::on_timer(Instant now) {
  Actions out;
  if (!deadline_ || now < *deadline_) return out;
  if (phase_ == Phase::Waiting) {
    ask(now, out);
    return out;
  }
  if (phase_ == Phase::Idle) return out;
  const auto waited = std::to_string(std::chrono::duration_cast<Seconds>(now - asked_at_).count()) + " s";
  const bool answered = phase_ != Phase::Asked;
  out.emplace_back(act::Cut{});
  auto failed = on_failed(answered ? "the answer stalled; asked " + waited + " ago" : "no answer in " + waited, now);
  std::ranges::move(failed, std::back_inserter(out));
  return out;
}

// ---------------------------------------------------------------- what a list says

Status Reflector::take_item(std::string_view text, Actions& out) {
  auto object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return fail(kNotJson, "an element of the list is not JSON");
  if (key_of(object).empty()) return fail(kNotJson, "an element of the list has no metadata.name");
  put(std::move(object), out);
  return ok();
}

void Reflector::put(nlohmann::json object, Actions& out) {
  auto key = key_of(object);
  auto version = text_at(metadata_of(object), "resourceVersion");
  auto& kept = kept_[key];
  kept.list = list_number_;
  if (!version.empty() && kept.version == version) return;
  kept.version = std::move(version);
  out.emplace_back(act::Put{std::move(key), std::move(object)});
}

void Reflector::list_ended(Instant now, Actions& out) {
  const auto envelope = list_->finish();
  if (!envelope) {
    begin_list();
    return broken(envelope.error().message, now, out);
  }
  const auto& metadata = metadata_of(*envelope);
  continue_ = text_at(metadata, "continue");
  if (!continue_.empty()) return ask(now, out);
  complete_list(metadata, now, out);
}

void Reflector::complete_list(const nlohmann::json& metadata, Instant now, Actions& out) {
  version_ = text_at(metadata, "resourceVersion");
  if (version_.empty()) {
    begin_list();
    return broken("the list has no metadata.resourceVersion", now, out);
  }
  std::erase_if(kept_, [&](const auto& entry) {
    if (entry.second.list == list_number_) return false;
    out.emplace_back(act::Remove{entry.first});
    return true;
  });
  consistent_ = whole_ = false;
  silent_watches_ = 0;
  absent_since_.reset();
  synced_ = true;
  ++counts_.lists;
  out.emplace_back(act::Synced{});
  trouble({}, out);  // failures are forgotten when the watch has proved itself
  goal_ = Goal::Watch;
  ask(now, out);
}

// ---------------------------------------------------------------- what a watch says

Status Reflector::take_event(std::string_view text, Actions& out) {
  auto event = nlohmann::json::parse(text, nullptr, false);
  if (!event.is_object() || !event.contains("object") || !event["object"].is_object())
    return fail(kNotJson, "a watch event is not {\"type\", \"object\"}");
  const auto type = text_at(event, "type");
  auto& object = event["object"];
  if (type == "ERROR") return take_error(object);
  auto version = text_at(metadata_of(object), "resourceVersion");
  if (version.empty()) return fail(kNotJson, "a watch event has no resourceVersion");
  const auto key = key_of(object);
  const bool change = type == "ADDED" || type == "MODIFIED";
  if ((change || type == "DELETED") && key.empty()) return fail(kNotJson, "a watch event has no metadata.name");
  if (change) {
    put(std::move(object), out);
  } else if (type == "DELETED") {
    if (kept_.erase(key) > 0) out.emplace_back(act::Remove{key});
  } else if (type == "BOOKMARK") {
    bookmarks_ = true;
  } else {
    return fail(kNotJson, "unknown watch event \"" + type.substr(0, 32) + "\"");
  }
  version_ = std::move(version);
  heard_ = true;
  silent_watches_ = 0;
  ++counts_.events;
  failures_in_row_ = 0;
  return ok();
}

/// An ERROR event carries a Status; whatever it is, the watch is over.
Status Reflector::take_error(const nlohmann::json& status) {
  const auto code = status.find("code");
  expired_event_ = (code != status.end() && *code == kGone) || text_at(status, "reason") == "Expired";
  return fail(kNotJson,
              "the watch ended: " + message_of(status.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

/// A watch that stood for a while, or told something: what ends it is no reason to wait long.
bool Reflector::proved(Instant now) const {
  return phase_ == Phase::Answered && goal_ == Goal::Watch && (heard_ || now - asked_at_ >= kShortWatch);
}

void Reflector::watch_ended(Instant now, Actions& out) {
  if (!proved(now)) return broken("the watch ended at once", now, out);
  failures_in_row_ = 0;
  // A version from the future (etcd was restored from a backup) is answered by silence: look once more.
  if (!heard_ && ++silent_watches_ >= kSilentWatches) {
    silent_watches_ = 0;
    consistent_ = true;
    begin_list();
  }
  ask(now, out);
}

// ---------------------------------------------------------------- trouble

void Reflector::refused(Instant now, Actions& out) {
  const auto status = head_.status;
  if (status == kNotFound && goal_ == Goal::List) return absent(now, out);
  if (status == kGone) return expired(now, out);
  auto why = std::string(goal_ == Goal::List ? "list" : "watch") + ": HTTP " + std::to_string(status);
  const auto message = message_of(refusal_);
  if (!message.empty()) why += ": " + message;
  const bool passes = status == kTooMany || status == kUnavailable || status == kTimeout || status == kUnauthorized ||
                      status == kForbidden;
  if (goal_ == Goal::List || !passes) {
    // 504 "Too large resource version": this server's cache is behind. Others: the version may be what it refuses.
    if (status == kTimeout || !passes) consistent_ = true;
    begin_list();
  }
  broken(why, now, out);
  if (status == kForbidden) wait(scaled(kNotAllowedWait, 0.5 + settings_.chance()), now);
  if (!head_.retry_after) return;
  const auto least = std::min<Duration>(*head_.retry_after, kLongestRetryAfter);
  const auto chosen = least + scaled(Seconds{1}, settings_.chance());  // others were told the same
  if (deadline_ && now + chosen > *deadline_) wait(chosen, now);
}

/// Not installed, or not yet. Looked for again in peace; what was there before is kept until that is certain.
void Reflector::absent(Instant now, Actions& out) {
  if (!absent_since_) absent_since_ = now;
  begin_list();
  trouble("the API server does not know " + name_of(settings_.resource) + ": not installed (yet)", out);
  const bool nothing_to_lose = kept_.empty() && (synced_ || !settings_.listed_before);
  if (nothing_to_lose || now - *absent_since_ >= kAbsentGrace) {
    for (const auto& [key, kept] : kept_) out.emplace_back(act::Remove{key});
    kept_.clear();
    if (!synced_) out.emplace_back(act::Synced{});
    synced_ = true;
  }
  failures_in_row_ = 0;
  wait(scaled(kAbsentWait, 0.5 + settings_.chance()), now);
}

/// The version, or the snapshot that is being paged through, is too old: a new list, of what there is now.
void Reflector::expired(Instant now, Actions& out) {
  if (proved(now)) failures_in_row_ = 0;
  const bool at_once = goal_ == Goal::Watch && failures_in_row_ == 0;
  whole_ = whole_ || !continue_.empty();
  consistent_ = consistent_ || goal_ == Goal::List;
  begin_list();
  ++failures_in_row_;
  ++counts_.failures;
  if (at_once) return ask(now, out);
  wait(back_off(), now);
}

void Reflector::broken(const std::string& why, Instant now, Actions& out) {
  absent_since_.reset();
  ++failures_in_row_;
  ++counts_.failures;
  trouble(why, out);
  wait(back_off(), now);
}

void Reflector::trouble(const std::string& what, Actions& out) {
  if (trouble_ == what) return;
  trouble_ = what;
  out.emplace_back(act::Trouble{what});
}

void Reflector::wait(Duration delay, Instant now) {
  phase_ = Phase::Waiting;
  deadline_ = now + delay;
}

/// 1, 2, 4 … 60 s, each times 0.5 to 1.5.
Duration Reflector::back_off() {
  const auto doubled = Seconds{1} * (1 << std::min(failures_in_row_ - 1, 6));
  return scaled(std::min<Seconds>(doubled, kLongestWait), 0.5 + settings_.chance());
}

ReflectorView Reflector::view() const {
  auto out = counts_;
  out.trouble = trouble_;
  out.synced = synced_;
  out.objects = kept_.size();
  const char* asked = goal_ == Goal::List ? "listing" : "watching";
  out.state = phase_ == Phase::Idle ? "idle" : phase_ != Phase::Waiting ? asked : absent_since_ ? "absent" : "waiting";
  return out;
}

}  // namespace slash32::agent::kube
