#include "bgpd/policy/as_path_match.h"

#include <algorithm>
#include <span>

namespace slash32::bgp {
namespace {

using config::AsPathElement;

/// Bit i: the first i elements of the pattern may account for the path so far.
using States = std::uint64_t;
static_assert(config::AsPathPattern::kMaxElements < 64);

constexpr States bit(std::size_t i) { return States{1} << i; }

bool fits(const AsPathElement& element, std::span<const Asn> one_of) {
  if (element.choices.empty()) return true;
  return std::ranges::any_of(one_of, [&](Asn asn) {
    return std::ranges::any_of(element.choices, [&](const auto& choice) { return choice.contains(asn.value); });
  });
}

/// An element that may stand for nothing is passed.
States pass_empty(const std::vector<AsPathElement>& elements, States states) {
  for (std::size_t i = 0; i < elements.size(); ++i)
    if ((states & bit(i)) != 0 && elements[i].any_sequence) states |= bit(i + 1);
  return states;
}

/// One AS more; `one_of`: it, or the members of a set.
States step(const std::vector<AsPathElement>& elements, States states, std::span<const Asn> one_of) {
  States next = 0;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const AsPathElement& element = elements[i];
    const bool here = (states & bit(i)) != 0;
    if (element.any_sequence) {
      next |= here ? bit(i) : 0;
      continue;
    }
    const bool again = element.repeated && (states & bit(i + 1)) != 0;
    if ((here || again) && fits(element, one_of)) next |= bit(i + 1);
  }
  return pass_empty(elements, next);
}

}  // namespace

bool matches(const config::AsPathPattern& pattern, const AsPath& path) {
  const auto& elements = pattern.elements;
  States states = pass_empty(elements, bit(0));
  for (const AsPathSegment& segment : path.segments) {
    if (segment.type == SegmentType::AsSet) {
      states = step(elements, states, segment.asns);
    } else if (segment.type == SegmentType::AsSequence) {
      for (const Asn& asn : segment.asns) states = step(elements, states, {&asn, 1});
    }
    if (states == 0) return false;
  }
  return (states & bit(elements.size())) != 0;
}

}  // namespace slash32::bgp
