// Gathered and sorted a run a turn, then merged as it is asked for: no turn is longer than one run takes.
#include "bgpd/rib/route_walk.h"

#include <algorithm>
#include <functional>

namespace slash32::bgp {
namespace {

constexpr std::size_t kRun = 16384;  // some milliseconds

bool later(const std::vector<Prefix>& a, const std::vector<Prefix>& b) { return a.back() > b.back(); }

}  // namespace

RouteWalk::RouteWalk(const Rib& rib, std::optional<AddressFamily> family) : rib_(rib) {
  for (const auto one : {AddressFamily::IPv6, AddressFamily::IPv4})
    if (!family || family == one) families_.push_back(one);
}

void RouteWalk::gather() {
  Run run;
  const bool more = rib_.list_prefixes(families_.back(), cursor_, kRun, run);
  if (!more) {
    families_.pop_back();
    cursor_ = 0;
  }
  if (!run.empty()) {
    std::ranges::sort(run, std::ranges::greater{});
    runs_.push_back(std::move(run));
  }
  gathered_ = families_.empty();
  if (gathered_) std::ranges::make_heap(runs_, later);
}

std::optional<std::vector<Prefix>> RouteWalk::next(std::size_t count) {
  std::vector<Prefix> out;
  if (!gathered_) {
    gather();
    return out;
  }
  if (runs_.empty()) return std::nullopt;
  while (!runs_.empty() && out.size() < count) {
    std::ranges::pop_heap(runs_, later);
    Run& first = runs_.back();
    // Twice is possible: gone, and back under a later number.
    if (last_ != first.back()) out.push_back(first.back());
    last_ = first.back();
    first.pop_back();
    if (first.empty())
      runs_.pop_back();
    else
      std::ranges::push_heap(runs_, later);
  }
  return out;
}

}  // namespace slash32::bgp
