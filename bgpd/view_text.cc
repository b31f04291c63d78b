#include "bgpd/view_text.h"

#include <array>
#include <cstdio>
#include <string_view>

namespace slash32::bgp {

std::string time_text(std::chrono::sys_seconds at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

std::string time_text(const ViewTime& time, Instant at) {
  return time_text(std::chrono::floor<Seconds>(
      time.wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(time.now - at)));
}

std::string hex_text(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t octet : bytes) {
    out += kDigits[octet >> 4];
    out += kDigits[octet & 0xf];
  }
  return out;
}

}  // namespace slash32::bgp
