#include "common/control/metrics_text.h"

namespace slash32::control {
namespace {

/// Of a label's value: backslash, quote and line feed are escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? "\\n" : std::string(1, c);
  }
  return out;
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = std::string(prefix_).append(name);
  text_.append("# HELP ").append(name_).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name_).append(type == Type::Counter ? " counter\n" : " gauge\n");
}

void MetricsText::sample(Labels labels, std::uint64_t value) {
  text_.append(name_);
  char separator = '{';
  for (const auto& [key, text] : labels) {
    text_.append(1, separator).append(key).append("=\"").append(escaped(text)).append("\"");
    separator = ',';
  }
  if (labels.size() > 0) text_.append("}");
  text_.append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace slash32::control
