// Undo by guard: armed right after the deed, runs on every early return, dismissed on success.
#pragma once

#include <utility>

namespace slash32 {

template <class F>
class [[nodiscard]] ScopeGuard {
 public:
  explicit ScopeGuard(F undo) : undo_(std::move(undo)) {}
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;
  ~ScopeGuard() {
    if (armed_) undo_();
  }
  void dismiss() { armed_ = false; }

 private:
  F undo_;
  bool armed_ = true;
};

}  // namespace slash32
