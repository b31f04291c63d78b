// What others can make us say over and over: of each key one line at once, then one an interval that tells how many it
// stands for. Pure: times are handed in, whoever has one writes the lines.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"

namespace slash32::bgp {

class LogLimit {
 public:
  static constexpr Seconds kInterval{60};

  /// `times` of them happened. Whether that is to be written now; otherwise it is kept for take_due(). There must be no
  /// more keys than a configuration has names.
  bool pass(const std::string& key, const std::string& text, Instant now, std::uint64_t times = 1);

  struct Line {
    std::string key;
    std::string text;         // the last one's
    std::uint64_t times = 0;  // since the last line
  };
  /// What was kept back for an interval. The next one of these begins; a key that was silent is forgotten.
  std::vector<Line> take_due(Instant now);
  /// When take_due() has something to do.
  std::optional<Instant> deadline() const;

 private:
  struct Kept {
    Instant until{};
    std::string text;
    std::uint64_t times = 0;
  };
  std::map<std::string, Kept> kept_;
};

}  // namespace slash32::bgp
