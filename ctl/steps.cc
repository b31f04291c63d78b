#include "ctl/steps.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ctl/text.h"

namespace slash32::ctl {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Done:
      return "done";
    case Outcome::Unchanged:
      return "unchanged";
    case Outcome::Planned:
      return "planned";
    case Outcome::Skipped:
      return "skipped";
    case Outcome::Kept:
      return "kept";
    case Outcome::Failed:
      return "failed";
  }
  return "";
}

void Steps::add(Outcome outcome, std::string what, std::string detail) {
  steps_.push_back({.outcome = outcome, .what = std::move(what), .detail = std::move(detail)});
}

void Steps::fail_with(std::string what, const Error& error) {
  add(Outcome::Failed, std::move(what), error.details.empty() ? error.message : error.message + "; " + error.details);
}

bool Steps::whole() const {
  return std::ranges::none_of(steps_, [](const Step& step) {
    return step.outcome == Outcome::Failed || step.outcome == Outcome::Kept || step.outcome == Outcome::Planned;
  });
}

std::string render_steps(const Steps& steps) {
  std::string text;
  for (const auto& step : steps.all()) {
    text += std::string(to_string(step.outcome)) + ": " + printable(step.what);
    if (!step.detail.empty()) text += ": " + printable(step.detail);
    text += "\n";
  }
  return text;
}

nlohmann::json steps_document(const Steps& steps) {
  auto rows = nlohmann::json::array();
  for (const auto& step : steps.all())
    rows.push_back({{"outcome", to_string(step.outcome)}, {"what", step.what}, {"detail", step.detail}});
  return {{"whole", steps.whole()}, {"steps", std::move(rows)}};
}

}  // namespace slash32::ctl
