#include "bgpd/mrt/file_name.h"

#include <optional>

namespace slash32::bgp::mrt {
namespace {

std::string digits(long value, std::size_t width) {
  auto text = std::to_string(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::optional<std::string> part(char letter, std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  switch (letter) {
    case 'Y':
      return digits(static_cast<int>(date.year()), 4);
    case 'm':
      return digits(static_cast<long>(static_cast<unsigned>(date.month())), 2);
    case 'd':
      return digits(static_cast<long>(static_cast<unsigned>(date.day())), 2);
    case 'H':
      return digits(clock.hours().count(), 2);
    case 'M':
      return digits(clock.minutes().count(), 2);
    case 'S':
      return digits(clock.seconds().count(), 2);
    case '%':
      return "%";
    default:
      return std::nullopt;
  }
}

}  // namespace

std::chrono::sys_seconds period_of(std::chrono::sys_seconds now, Seconds rotate) {
  if (rotate.count() <= 0) return now;
  return now - now.time_since_epoch() % rotate;
}

std::string file_name(std::string_view pattern, std::chrono::sys_seconds time) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto filled = pattern[i] == '%' && i + 1 < pattern.size() ? part(pattern[i + 1], time) : std::nullopt;
    out += filled ? *filled : std::string(1, pattern[i]);
    if (filled) ++i;
  }
  return out;
}

}  // namespace slash32::bgp::mrt
