#include "agent/plan/kept_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace slash32::agent::plan {

std::vector<Entry> KeptPlan::not_accepted(const std::vector<Entry>& entries) const {
  std::vector<Entry> out;
  auto at = accepted_.begin();
  for (const auto& entry : entries) {
    if (at == accepted_.end() || *at > entry) at = std::ranges::lower_bound(accepted_, entry);
    while (at != accepted_.end() && *at < entry) ++at;
    if (at == accepted_.end() || *at != entry) out.push_back(entry);
  }
  return out;
}

void KeptPlan::accept(std::vector<Entry> entries) {
  std::ranges::sort(entries);
  accepted_ = std::move(entries);
}

}  // namespace slash32::agent::plan
