#include "agent/model/selector.h"

#include <algorithm>

#include "agent/model/fields.h"

namespace slash32::agent::model {
namespace {

bool holds(const Requirement& requirement, const Labels& labels) {
  const auto at = labels.find(requirement.key);
  const bool there = at != labels.end();
  const bool among = there && std::ranges::find(requirement.values, at->second) != requirement.values.end();
  switch (requirement.op) {
    case SelectorOperator::In:
      return among;
    case SelectorOperator::NotIn:
      return !among;
    case SelectorOperator::Exists:
      return there;
    case SelectorOperator::DoesNotExist:
      return !there;
  }
  return false;
}

Result<Requirement> read_requirement(const JsonField& field) {
  TRY(field.is_object());
  Requirement out;
  out.key = TRY(field.required("key", json::non_empty_text));
  out.op = TRY(
      field.required("operator", config::one_of<SelectorOperator>({{"In", SelectorOperator::In},
                                                                   {"NotIn", SelectorOperator::NotIn},
                                                                   {"Exists", SelectorOperator::Exists},
                                                                   {"DoesNotExist", SelectorOperator::DoesNotExist}})));
  out.values = TRY(read_or(field, "values", json::texts, std::vector<std::string>{}));
  const bool wants_values = out.op == SelectorOperator::In || out.op == SelectorOperator::NotIn;
  if (wants_values == out.values.empty())
    return field.bad(wants_values ? "needs values" : "takes no values with this operator");
  return out;
}

}  // namespace

bool Selector::matches(const Labels& labels) const {
  const auto has = [&](const auto& wanted) {
    const auto at = labels.find(wanted.first);
    return at != labels.end() && at->second == wanted.second;
  };
  return std::ranges::all_of(match_labels, has) &&
         std::ranges::all_of(expressions, [&](const Requirement& one) { return holds(one, labels); });
}

Result<Selector> read_selector(const JsonField& field) {
  TRY(field.is_object());
  Selector out;
  out.match_labels = TRY(read_or(field, "matchLabels", labels, Labels{}));
  out.expressions =
      TRY(read_or(field, "matchExpressions", json::array_of(read_requirement), std::vector<Requirement>{}));
  return out;
}

}  // namespace slash32::agent::model
