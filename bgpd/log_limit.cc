#include "bgpd/log_limit.h"

namespace slash32::bgp {

bool LogLimit::pass(const std::string& key, const std::string& text, Instant now, std::uint64_t times) {
  const auto [entry, is_new] = kept_.try_emplace(key);
  if (is_new) {
    entry->second.until = now + kInterval;
    return true;
  }
  entry->second.text = text;
  entry->second.times += times;
  return false;
}

std::vector<LogLimit::Line> LogLimit::take_due(Instant now) {
  std::vector<Line> out;
  for (auto at = kept_.begin(); at != kept_.end();) {
    auto& [key, kept] = *at;
    if (kept.until > now) {
      ++at;
    } else if (kept.times == 0) {
      at = kept_.erase(at);
    } else {
      out.push_back({key, kept.text, kept.times});
      kept = {now + kInterval, {}, 0};
      ++at;
    }
  }
  return out;
}

std::optional<Instant> LogLimit::deadline() const {
  std::optional<Instant> first;
  for (const auto& [key, kept] : kept_)
    if (!first || kept.until < *first) first = kept.until;
  return first;
}

}  // namespace slash32::bgp
