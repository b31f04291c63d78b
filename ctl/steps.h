// What a command that changes the node has done of it, step by step: told in order, and summed up as "all of it".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace slash32::ctl {

enum class Outcome : std::uint8_t {
  Done,
  Unchanged,  // it was so already
  Planned,    // a dry run would have done it
  Skipped,    // not ours to do, and nothing is missing by it
  Kept,       // left as it is although it should go: somebody lives of it
  Failed,
};
/// "done", "unchanged", …
std::string_view to_string(Outcome outcome);

struct Step {
  Outcome outcome = Outcome::Done;
  std::string what;
  std::string detail{};
};

class Steps {
 public:
  explicit Steps(bool dry_run = false) : dry_run_(dry_run) {}

  bool dry_run() const { return dry_run_; }
  void add(Outcome outcome, std::string what, std::string detail = {});
  /// A deed, unless this is a dry run. Its error is the step's, and the next steps go on.
  template <class Deed>
  void run(std::string what, Deed deed) {
    if (dry_run_) return add(Outcome::Planned, std::move(what));
    const Status done = deed();
    if (done) return add(Outcome::Done, std::move(what));
    fail_with(std::move(what), done.error());
  }
  void fail_with(std::string what, const Error& error);

  const std::vector<Step>& all() const { return steps_; }
  /// Nothing is left to do (or, in a dry run, nothing would be). A dry run that has plans is not whole.
  bool whole() const;

 private:
  bool dry_run_;
  std::vector<Step> steps_;
};

/// One line a step.
std::string render_steps(const Steps& steps);
/// {"whole", "steps": [{"outcome", "what", "detail"}]}.
nlohmann::json steps_document(const Steps& steps);

}  // namespace slash32::ctl
