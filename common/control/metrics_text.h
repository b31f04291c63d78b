// The Prometheus text format, version 0.0.4: families with help and type, samples with labels. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace slash32::control {

class MetricsText {
 public:
  /// What every name begins with: "slash32_bgp_".
  explicit MetricsText(std::string_view prefix) : prefix_(prefix) {}

  enum class Type : std::uint8_t { Gauge, Counter };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a family; its samples follow, before the next one begins. `name` without the prefix.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(Labels labels, std::uint64_t value);
  /// The whole text.
  const std::string& text() const { return text_; }

 private:
  std::string prefix_;
  std::string name_;
  std::string text_;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace slash32::control
