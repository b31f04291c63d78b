// Label selectors as Kubernetes has them: matchLabels and matchExpressions, all of which must hold. An empty selector
// matches everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/model/meta.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::agent::model {

enum class SelectorOperator : std::uint8_t { In, NotIn, Exists, DoesNotExist };

struct Requirement {
  std::string key;
  SelectorOperator op = SelectorOperator::Exists;
  std::vector<std::string> values;
  bool operator==(const Requirement&) const = default;
};

struct Selector {
  Labels match_labels;
  std::vector<Requirement> expressions;
  /// As the API server decides: NotIn also holds where the label is absent.
  bool matches(const Labels& labels) const;
  bool operator==(const Selector&) const = default;
};

/// Errors name the place: "/spec/nodeSelector/matchExpressions/0/operator: must be one of …".
Result<Selector> read_selector(const JsonField& field);

}  // namespace slash32::agent::model
