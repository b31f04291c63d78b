#include "bgpd/start_clocks.h"

#include <algorithm>
#include <utility>

namespace slash32::bgp {

StartClocks::StartClocks(bool warm, Seconds restart_time, Instant now)
    : deferring_(warm), sweeping_(warm), sweep_at_(now + restart_time) {}

void StartClocks::expect(std::set<PeerId> neighbors) { expected_ = std::move(neighbors); }

void StartClocks::session_up(PeerId id, bool graceful_restart, const std::vector<AddressFamily>& families, Instant now,
                             bool restarting) {
  if (!defer_until_) defer_until_ = now + kDeferralLimit;
  if (!graceful_restart) return;
  waiting_[id] = {families.begin(), families.end()};
  if (restarting) restarting_.insert(id);
}

void StartClocks::end_of_rib(PeerId id, AddressFamily family) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  found->second.erase(family);
  if (found->second.empty()) done_.insert(id);
}

void StartClocks::session_down(PeerId id) {
  waiting_.erase(id);
  restarting_.erase(id);
}

bool StartClocks::everyone_up_is_done() const {
  return std::ranges::all_of(waiting_,
                             [&](const auto& peer) { return peer.second.empty() || restarting_.contains(peer.first); });
}

bool StartClocks::everyone_expected_is_done() const {
  return !expected_.empty() && std::ranges::all_of(expected_, [&](PeerId id) { return done_.contains(id); });
}

bool StartClocks::deferring(Instant now) {
  // Before the first session there is nothing to select; with it the limit begins. The restart time ends all waiting.
  if (defer_until_ && (everyone_up_is_done() || now >= *defer_until_)) deferring_ = false;
  if (now >= sweep_at_) deferring_ = false;
  return deferring_;
}

bool StartClocks::take_sweep(Instant now) {
  if (!sweeping_ || deferring(now)) return false;  // what is not selected yet is not confirmed yet either
  if (!everyone_expected_is_done() && now < sweep_at_) return false;
  sweeping_ = false;
  return true;
}

std::optional<Instant> StartClocks::next_deadline() const {
  std::optional<Instant> out;
  if (sweeping_) out = sweep_at_;
  if (deferring_ && defer_until_) out = out ? std::min(*out, *defer_until_) : *defer_until_;
  return out;
}

}  // namespace slash32::bgp
