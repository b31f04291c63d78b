#include "agent/kube/lease.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_field.h"

namespace slash32::agent::kube {
namespace {

using nlohmann::json;

const Resource kLeases{.group = "coordination.k8s.io", .version = "v1", .plural = "leases"};
constexpr Seconds kRetry{2};   // the holder's, after a renewal that failed
constexpr int kFarewells = 3;  // somebody's note on the object may be in the way, not one after another

constexpr int kCreated = 201, kOk = 200, kNotFound = 404, kConflict = 409;

std::string text_at(const json& spec, const char* key) {
  const auto found = spec.find(key);
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

std::optional<Instant> Lease::deadline() const {
  if (!held_) return next_;
  const auto last = renewed_at_ + settings_.stop;
  return next_ ? std::min(*next_, last) : last;
}

LeaseActions Lease::start(Instant now) { return read(now); }

std::optional<Instant> Lease::may_act_until(Instant now) const {
  const auto last = renewed_at_ + settings_.stop;
  if (!held_ || refused_ || now >= last) return std::nullopt;
  return last;
}

/// A process that was stopped may come here long after its time.
LeaseActions Lease::end_if_late(Instant now) {
  if (!held_ || now < renewed_at_ + settings_.stop) return {};
  held_ = refused_ = false;
  return {act::Deposed{}};
}

LeaseActions Lease::on_timer(Instant now, const std::string& wall) {
  auto out = end_if_late(now);
  if (!out.empty()) {
    if (asked_ == Asked::Nothing) look_later(now);
    return out;
  }
  if (!next_ || now < *next_ || asked_ != Asked::Nothing) return out;
  return held_ ? write(now, wall) : read(now);
}

LeaseActions Lease::on_answer(const Result<Response>& answer, Instant now, const std::string& wall) {
  const Asked asked = std::exchange(asked_, Asked::Nothing);
  if (leaving_) return on_farewell(asked, answer, now, wall);
  auto out = end_if_late(now);
  const auto then = [&](LeaseActions more) {
    std::ranges::move(more, std::back_inserter(out));
    return std::move(out);
  };
  if (!answer) {
    trouble_ = answer.error().message;
    look_later(now);
    return out;
  }
  const int status = answer->head.status;
  if (asked == Asked::Read && status == kNotFound) return then(missed(now, wall));
  if (asked != Asked::Read && (status == kConflict || status == kNotFound)) {  // somebody was faster
    refused_ = held_;
    return then(read(now));
  }
  if (status != kOk && status != kCreated) {
    refused(*answer, now);
    return out;
  }
  if (const auto taken = take(answer->body, now); !taken) {
    trouble_ = taken.error().message;
    look_later(now);
    return out;
  }
  trouble_.clear();
  if (asked == Asked::Read) return then(found(now, wall));
  if (!held_ && now >= sent_at_ + settings_.stop) {  // an answer so late is worth nothing
    look_later(now);
    return out;
  }
  renewed_at_ = sent_at_;  // others count from a moment that is not before this one
  refused_ = false;
  next_ = sent_at_ + settings_.renew;
  if (!std::exchange(held_, true)) out.emplace_back(act::Elected{});
  return out;
}

/// The object is there: ours, somebody's, or over.
LeaseActions Lease::found(Instant now, const std::string& wall) {
  LeaseActions out;
  const bool ours = seen_.holder == settings_.identity;
  if (held_ && !ours) {
    held_ = refused_ = false;
    out.emplace_back(act::Deposed{});
  }
  const bool over = now >= unchanged_since_ + settings_.duration;
  if (!ours && !seen_.holder.empty() && !over) {
    look_later(now);
    return out;
  }
  std::ranges::move(write(now, wall), std::back_inserter(out));
  return out;
}

/// Its holder makes it again when it renews: others leave it the time for that. Where they saw a holder, they wait
/// until its term is over in any case: it may have renewed just before the object went, and hear of nothing.
LeaseActions Lease::missed(Instant now, const std::string& wall) {
  trouble_.clear();
  if (!held_) {
    if (!missed_since_) missed_since_ = now;
    const auto until = *missed_since_ + (seen_.holder.empty() ? settings_.renew * 3 / 2 : settings_.stop);
    if (now < until) {
      next_ = until;
      return {};
    }
  }
  seen_ = {};
  return write(now, wall);
}

/// A lease that somebody holds is looked at again when it may be over, or some time later.
void Lease::look_later(Instant now) {
  if (held_) {
    next_ = now + kRetry;
    return;
  }
  const auto spread = settings_.look_most - settings_.look_least;
  next_ = now + settings_.look_least +
          std::chrono::duration_cast<Duration>(settings_.chance() * std::chrono::duration<double>(spread));
}

void Lease::refused(const Response& response, Instant now) {
  trouble_ = std::to_string(response.head.status) + ": " + message_of(response.body);
  look_later(now);
  if (response.head.retry_after)
    next_ = std::max(*next_, now + std::min(*response.head.retry_after, kLongestRetryAfter));
}

Status Lease::take(const std::string& body, Instant now) {
  const auto document = TRY(parse_json(body));
  const JsonField root(document);
  const auto metadata = TRY(root.required("metadata", [](const JsonField& f) -> Result<json> { return f.value(); }));
  if (!metadata.is_object() || text_at(metadata, "resourceVersion").empty())
    return fail(1, "the lease has no metadata.resourceVersion");
  const auto found = document.find("spec");
  const json spec = found != document.end() && found->is_object() ? *found : json::object();
  auto version = text_at(metadata, "resourceVersion");
  if (version != seen_.version) unchanged_since_ = now;
  missed_since_.reset();
  const auto transitions = spec.find("leaseTransitions");
  seen_ = {.version = std::move(version),
           .holder = text_at(spec, "holderIdentity"),
           .transitions = transitions != spec.end() && transitions->is_number_integer()
                              ? transitions->get<std::int64_t>()
                              : std::int64_t{0},
           .acquired = text_at(spec, "acquireTime")};
  return ok();
}

LeaseActions Lease::read(Instant now) {
  asked_ = Asked::Read;
  sent_at_ = now;
  next_.reset();
  return {act::Ask{{.method = "GET",
                    .target = object_path(kLeases, settings_.name_space, settings_.name),
                    .body = {},
                    .content_type = {}}}};
}

/// Takes or renews it. The version in it makes the API refuse (409) when somebody else wrote meanwhile.
LeaseActions Lease::write(Instant now, const std::string& wall) {
  sent_at_ = now;
  next_.reset();
  const bool ours = seen_.holder == settings_.identity;
  json spec = {{"holderIdentity", settings_.identity},
               {"leaseDurationSeconds", settings_.duration.count()},
               {"acquireTime", ours && !seen_.acquired.empty() ? seen_.acquired : wall},
               {"renewTime", wall},
               {"leaseTransitions", seen_.transitions + (ours || seen_.version.empty() ? 0 : 1)}};
  if (seen_.version.empty()) {
    asked_ = Asked::Create;
    const json object = {{"apiVersion", "coordination.k8s.io/v1"},
                         {"kind", "Lease"},
                         {"metadata", {{"name", settings_.name}, {"namespace", settings_.name_space}}},
                         {"spec", std::move(spec)}};
    return {act::Ask{{.method = "POST",
                      .target = collection_path(kLeases, settings_.name_space),
                      .body = object.dump(),
                      .content_type = "application/json"}}};
  }
  asked_ = Asked::Replace;
  const json patch = {{"metadata", {{"resourceVersion", seen_.version}}}, {"spec", std::move(spec)}};
  return {act::Ask{{.method = "PATCH",
                    .target = object_path(kLeases, settings_.name_space, settings_.name),
                    .body = patch.dump(),
                    .content_type = "application/merge-patch+json"}}};
}

LeaseActions Lease::resign(const std::string& wall) {
  LeaseActions out;
  leaving_ = true;
  next_.reset();
  if (!std::exchange(held_, false)) return out;
  out.emplace_back(act::Deposed{});
  if (asked_ == Asked::Nothing) std::ranges::move(give_back(wall), std::back_inserter(out));
  return out;
}

LeaseActions Lease::give_back(const std::string& wall) {
  if (farewells_++ == kFarewells) return {};
  asked_ = Asked::GiveBack;
  const json patch = {{"metadata", {{"resourceVersion", seen_.version}}},
                      {"spec", {{"holderIdentity", ""}, {"leaseDurationSeconds", 1}, {"renewTime", wall}}}};
  return {act::Ask{{.method = "PATCH",
                    .target = object_path(kLeases, settings_.name_space, settings_.name),
                    .body = patch.dump(),
                    .content_type = "application/merge-patch+json"}}};
}

/// A renewal that was on its way has given the object another version, and may even have made it ours.
LeaseActions Lease::on_farewell(Asked asked, const Result<Response>& answer, Instant now, const std::string& wall) {
  if (!answer) return {};
  const int status = answer->head.status;
  if (asked != Asked::Read && status == kConflict) return read(now);
  if (asked == Asked::GiveBack || (status != kOk && status != kCreated)) return {};
  if (!take(answer->body, now) || seen_.holder != settings_.identity) return {};
  return give_back(wall);
}

}  // namespace slash32::agent::kube
