#include "bgpd/fib/silent_gateways.h"

#include <algorithm>

namespace slash32::bgp {
namespace {

/// What an answer after so many failures is worth: none for the first, then kHold, doubling.
Seconds hold_after(unsigned failures) {
  if (failures < 2) return Seconds{0};
  Seconds hold = SilentGateways::kHold;
  for (unsigned i = 2; i < failures && hold < SilentGateways::kMostHold; ++i) hold *= 2;
  return std::min(hold, SilentGateways::kMostHold);
}

}  // namespace

void SilentGateways::on_neighbor(const netlink::NeighborEvent& event, Instant now) {
  const FibNextHop hop{event.entry.address, event.entry.link};
  const auto known = gateways_.find(hop);
  if (event.gone) {  // the kernel collects entries that failed: no answer
    if (known != gateways_.end() && known->second.state == State::Failing) answered(known->second, now);
  } else if (event.entry.answered) {
    if (known != gateways_.end()) answered(known->second, now);
  } else if (event.entry.failed) {
    failed(known != gateways_.end() ? known->second : gateways_[hop], now);
  }
}

void SilentGateways::found_failed(const FibNextHop& gateway, Instant now) {
  const auto [at, is_news] = gateways_.try_emplace(gateway);
  if (!is_news) return;  // events know better
  become_silent(at->second, now);
  at->second.probe_at = now;
}

void SilentGateways::failed(Gateway& gateway, Instant now) {
  if (gateway.state == State::Used) {
    gateway.state = State::Failing;
    gateway.until = now + kConfirm;
  } else if (gateway.state == State::Proving) {
    become_silent(gateway, now);
  }
}

void SilentGateways::become_silent(Gateway& gateway, Instant now) {
  gateway.state = State::Silent;
  ++gateway.failures;
  gateway.probe_wait = kProbe;
  gateway.probe_at = now + kProbe;
}

void SilentGateways::answered(Gateway& gateway, Instant now) {
  if (gateway.state == State::Failing) {
    gateway.state = State::Used;
    gateway.until = now + (gateway.failures > 0 ? kMemory : Seconds{0});
  } else if (gateway.state == State::Silent) {
    gateway.state = State::Proving;
    gateway.until = now + hold_after(gateway.failures);
    gateway.probe_wait = kProbe;  // what answers is asked on: an entry that nobody uses tells nothing
    gateway.probe_at = now + kProbe;
  }
}

void SilentGateways::pass_time(const FibNextHop& hop, Gateway& gateway, Instant now, Orders& out) {
  if (gateway.state == State::Failing && now >= gateway.until) {
    become_silent(gateway, now);
    out.lost.push_back(hop);
  }
  if (gateway.state == State::Proving && now >= gateway.until) {
    gateway.state = State::Used;
    gateway.until = now + kMemory;
    out.found.push_back(hop);
  }
  if (!is_silent(hop) || now < gateway.probe_at) return;
  out.probe.push_back(hop);
  if (gateway.state == State::Silent) gateway.probe_wait = std::min(gateway.probe_wait * 2, kMostProbe);
  gateway.probe_at = now + gateway.probe_wait;
}

SilentGateways::Orders SilentGateways::due(Instant now, const std::function<bool(const FibNextHop&)>& in_use) {
  Orders out;
  for (auto at = gateways_.begin(); at != gateways_.end();) {
    auto& [hop, gateway] = *at;
    if (in_use(hop)) pass_time(hop, gateway, now, out);
    const bool is_over = !in_use(hop) || (gateway.state == State::Used && now >= gateway.until);
    at = is_over ? gateways_.erase(at) : std::next(at);
  }
  if (out.lost.size() == 1 && silent().size() == 1) out.only = out.lost.front();
  return out;
}

std::optional<Instant> SilentGateways::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [hop, gateway] : gateways_) {
    if (gateway.state != State::Silent) consider(gateway.until);
    if (gateway.state == State::Silent || gateway.state == State::Proving) consider(gateway.probe_at);
  }
  return next;
}

bool SilentGateways::is_silent(const FibNextHop& gateway) const {
  const auto known = gateways_.find(gateway);
  return known != gateways_.end() && (known->second.state == State::Silent || known->second.state == State::Proving);
}

std::vector<FibNextHop> SilentGateways::silent() const {
  std::vector<FibNextHop> out;
  for (const auto& [hop, gateway] : gateways_)
    if (is_silent(hop)) out.push_back(hop);
  return out;
}

bool SilentGateways::needs_failures_only() const {
  return std::ranges::all_of(gateways_, [](const auto& one) { return one.second.state == State::Used; });
}

}  // namespace slash32::bgp
