#include "agent/candidate.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

#include "common/log.h"

namespace slash32::agent {
namespace {

constexpr Seconds kPatience{5};  // with an answer: several must fit before a lease is over
constexpr Seconds kFarewell{2};

Instant now() { return Instant::clock::now(); }

}  // namespace

std::string micro_time() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> rest{};
  std::snprintf(rest.data(), rest.size(), ".%06dZ", static_cast<int>(micros % 1'000'000));
  return std::string(text.data(), size) + rest.data();
}

Candidate::Candidate(boost::asio::io_context& context, const kube::Access& access, kube::LeaseSettings settings,
                     std::function<void(bool)> told)
    : lease_(std::move(settings)), client_(context, access, kPatience), timer_(context), told_(std::move(told)) {
  carry_out(lease_.start(now()));
}

void Candidate::carry_out(const kube::LeaseActions& actions) {
  for (const auto& action : actions) {
    if (const auto* request = std::get_if<kube::act::Ask>(&action)) {
      ask(request->request);
    } else {
      const bool held = std::holds_alternative<kube::act::Elected>(action);
      log::info(
          held ? "leading" : "not leading any more",
          {{"why", lease_.trouble().empty() ? (held ? "the lease is ours" : "the lease is another's or given back")
                                            : lease_.trouble()}});
      told_(held);
    }
  }
  say_trouble();
  wake_later();
}

/// Logged when it begins or changes, and when it is over.
void Candidate::say_trouble() {
  if (lease_.trouble() == said_) return;
  if (lease_.trouble().empty())
    log::info("over", {{"trouble", said_}});
  else
    log::warn("the lease cannot be asked for", {{"why", lease_.trouble()}});
  said_ = lease_.trouble();
}

void Candidate::ask(const kube::Request& request) {
  const auto asked = client_.ask(request, [this](const Result<kube::Response>& answer) {
    const auto actions = lease_.on_answer(answer, now(), micro_time());
    if (leaving_)
      leave(actions);
    else
      carry_out(actions);
  });
  // One request at a time: there is always room. Were there none, the deadline would ask again.
  if (!asked) log::warn("the lease is not asked for", {{"why", asked.error().message}});
}

void Candidate::wake_later() {
  const auto deadline = lease_.deadline();
  timer_.cancel();
  if (!deadline || leaving_) return;
  timer_.expires_at(*deadline);
  timer_.async_wait([this, here = std::weak_ptr(here_)](const boost::system::error_code& error) {
    if (error || here.expired() || leaving_) return;
    carry_out(lease_.on_timer(now(), micro_time()));
  });
}

void Candidate::give_back(std::function<void()> done) {
  leaving_ = true;
  done_ = std::move(done);
  timer_.expires_after(kFarewell);
  timer_.async_wait([this, here = std::weak_ptr(here_)](const boost::system::error_code& error) {
    if (!error && !here.expired()) finish();
  });
  leave(lease_.resign(micro_time()));
}

void Candidate::leave(const kube::LeaseActions& actions) {
  for (const auto& action : actions) {
    if (const auto* request = std::get_if<kube::act::Ask>(&action))
      ask(request->request);
    else
      told_(false);
  }
  if (lease_.gone()) finish();
}

/// Once; we may be gone after it.
void Candidate::finish() {
  timer_.cancel();
  if (const auto call = std::exchange(done_, nullptr)) call();
}

}  // namespace slash32::agent
