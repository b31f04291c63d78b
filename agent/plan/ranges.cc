#include "agent/plan/ranges.h"

#include <algorithm>
#include <optional>

namespace slash32::agent::plan {
namespace {

/// The prefix of which `left` and `right` are the halves.
std::optional<Prefix> parent_of(const Prefix& left, const Prefix& right) {
  if (left.family() != right.family() || left.length() != right.length() || left.length() == 0) return std::nullopt;
  const Prefix parent(left.address(), static_cast<std::uint8_t>(left.length() - 1));
  if (left == right || !parent.contains(right)) return std::nullopt;
  return parent;
}

}  // namespace

std::vector<Prefix> joined(std::vector<Prefix> prefixes) {
  std::ranges::sort(prefixes);  // what contains another comes before it
  std::vector<Prefix> out;
  for (const auto& prefix : prefixes) {
    if (!out.empty() && out.back().contains(prefix)) continue;
    out.push_back(prefix);
    while (out.size() > 1) {
      const auto parent = parent_of(out[out.size() - 2], out.back());
      if (!parent) break;
      out.pop_back();
      out.back() = *parent;
    }
  }
  return out;
}

std::vector<Prefix> covers(const std::vector<Prefix>& prefixes) {
  std::vector<Prefix> out;
  for (const auto family : {AddressFamily::IPv4, AddressFamily::IPv6}) {
    std::optional<Prefix> cover;
    for (const auto& prefix : prefixes) {
      if (prefix.family() != family) continue;
      if (!cover) cover = prefix;
      while (!cover->contains(prefix)) cover = Prefix(cover->address(), static_cast<std::uint8_t>(cover->length() - 1));
    }
    if (cover) out.push_back(*cover);
  }
  return out;
}

bool within(const Prefix& prefix, const std::vector<Prefix>& ranges) {
  return std::ranges::any_of(ranges, [&](const Prefix& range) { return range.contains(prefix); });
}

}  // namespace slash32::agent::plan
