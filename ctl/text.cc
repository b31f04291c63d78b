#include "ctl/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>

namespace slash32::ctl {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::int64_t kMinute = 60;  // seconds
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::size_t kTitleWidth = 12;

}  // namespace

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& cell : cells) {
    if (cell.empty()) cell = kNothing;
  }
  rows_.push_back(std::move(cells));
}

std::string Table::to_string() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_[i].title.size();
    for (const auto& row : rows_) width = std::max(width, row[i].size());
    widths.push_back(width);
  }
  std::string out;
  const auto print = [&](auto cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_of(i);
      const std::string space(widths[i] - cell.size(), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::Left ? cell + space : space + cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  print([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) print([&](std::size_t i) -> const std::string& { return row[i]; });
  return out;
}

std::string titled_lines(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::string out;
  for (const auto& [title, text] : lines) {
    out += title;
    out.append(kTitleWidth - std::min(title.size(), kTitleWidth - 1), ' ');
    out.append(text.empty() ? kNothing : text).append("\n");
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHexDigits[octet >> 4];
      out += kHexDigits[octet & 0xf];
    }
  }
  return out;
}

std::string duration_text(std::chrono::seconds duration) {
  const auto total = std::max<std::int64_t>(duration.count(), 0);
  const auto two = [](std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  if (total < kMinute) return std::to_string(total) + "s";
  if (total < kHour) return std::to_string(total / kMinute) + "m" + two(total % kMinute) + "s";
  if (total < kDay) return std::to_string(total / kHour) + "h" + two(total % kHour / kMinute) + "m";
  return std::to_string(total / kDay) + "d" + two(total % kDay / kHour) + "h";
}

std::string utc_text(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return std::string{kNothing};
  std::array<char, 32> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

const nlohmann::json& member(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string scalar_text(const nlohmann::json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? std::string{kNothing} : printable(text);
  }
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::string{kNothing};
}

std::string field_text(const nlohmann::json& object, std::string_view key) { return scalar_text(member(object, key)); }

std::string field_duration(const nlohmann::json& object, std::string_view key) {
  const auto& value = member(object, key);
  if (!value.is_number()) return std::string{kNothing};
  const double seconds = value.get<double>();
  // Casting a double that the type cannot hold is undefined; no uptime is that long.
  if (!(seconds >= 0 && seconds < static_cast<double>(std::numeric_limits<std::int32_t>::max()))) {
    return std::string{kNothing};
  }
  return duration_text(std::chrono::seconds{static_cast<std::int64_t>(seconds)});
}

bool field_is_true(const nlohmann::json& object, std::string_view key) {
  const auto& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

}  // namespace slash32::ctl
