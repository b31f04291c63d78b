// Text for people: aligned tables, durations, times, and JSON values of documents that may lack any of their fields.
// Pure. Whatever comes from a peer (a shutdown text, say) is printed as plain ASCII, so it cannot steer a terminal.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slash32::ctl {

/// What stands in a cell that has no value.
inline constexpr std::string_view kNothing = "-";

enum class Align : unsigned char { Left, Right };

/// Rows under a heading, columns as wide as their widest cell, two spaces between them, no trailing space.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::Left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// A row shorter than the heading is filled up with kNothing; so is every empty cell.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Printable ASCII stays, everything else becomes \xNN.
std::string printable(std::string_view text);
/// "title       text", one a line; titles are shorter than 12 characters.
std::string titled_lines(const std::vector<std::pair<std::string, std::string>>& lines);
/// "45s", "12m03s", "3h04m", "2d07h".
std::string duration_text(std::chrono::seconds duration);
/// "2026-01-02T03:04:05Z".
std::string utc_text(std::chrono::system_clock::time_point when);

/// The member of an object; null when there is none, or when `object` is none.
const nlohmann::json& member(const nlohmann::json& object, std::string_view key);
/// A scalar as text: strings printable, numbers and booleans as they are; kNothing for null, objects and arrays.
std::string scalar_text(const nlohmann::json& value);
/// scalar_text of a member.
std::string field_text(const nlohmann::json& object, std::string_view key);
/// duration_text of a member in seconds; kNothing when it is not a number.
std::string field_duration(const nlohmann::json& object, std::string_view key);
/// Whether a member is there and true.
bool field_is_true(const nlohmann::json& object, std::string_view key);

}  // namespace slash32::ctl
