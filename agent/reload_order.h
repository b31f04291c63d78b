// When bgpd is asked to read its file: one question at a time, and about the newest file. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "common/clock.h"

namespace slash32::agent {

class ReloadOrder {
 public:
  static constexpr Seconds kAfterRefusal{60};  // it will not like the same file better soon

  /// The file is another one, or nobody knows whether bgpd has read this one.
  void wanted() {
    ++file_;
    again_ = {};
  }
  /// It has read the file as it is.
  bool done() const { return heard_ == file_; }

  /// Whether to ask now; then answered() must follow.
  bool begin(Instant now) {
    if (done() || asked_ || now < again_) return false;
    asked_ = file_;
    return true;
  }

  enum class Answer : std::uint8_t { None, Refused, Taken };
  /// Whether to ask again at once: the file was written while bgpd read the one before. Without an answer it is the
  /// caller's to try again.
  bool answered(Answer answer, Instant now) {
    const bool newest = std::exchange(asked_, std::nullopt) == file_;
    if (answer == Answer::Refused && newest) again_ = now + kAfterRefusal;
    if (answer == Answer::Taken && newest) heard_ = file_;
    return answer != Answer::None && !newest;
  }

 private:
  std::uint64_t file_ = 0, heard_ = 0;
  std::optional<std::uint64_t> asked_;
  Instant again_{};
};

}  // namespace slash32::agent
