#include "common/log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <utility>

#include "common/fd.h"

namespace slash32::log {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};

std::atomic<Level>& threshold() {  // set by one thread, read by all
  static std::atomic<Level> level = Level::Info;
  return level;
}

Sink& sink() {
  static Sink current = [](Level, const std::string& line) {
    // One write a line, so that lines of several processes do not mix. Nothing can be done when stderr is gone.
    (void)write_all(STDERR_FILENO, line + "\n");
  };
  return current;
}

std::string timestamp() {
  // Not gmtime_r(): it opens and reads /etc/localtime in every process.
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text.data();
}

void append_value(std::string& line, const std::string& value) {
  constexpr std::string_view kSpecial = " \"=\\";
  bool plain = !value.empty();
  for (const char c : value)
    plain = plain && static_cast<unsigned char>(c) > 0x1f && c != 0x7f && kSpecial.find(c) == std::string_view::npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) <= 0x1f || c == 0x7f) {
      std::array<char, 5> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(c));
      line += hex.data();
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

Sink set_sink(Sink next) { return std::exchange(sink(), std::move(next)); }

void set_level(Level level) { threshold() = level; }

bool set_level(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] != name) continue;
    threshold() = static_cast<Level>(i);
    return true;
  }
  return false;
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < threshold()) return;
  std::string line = timestamp();
  line += ' ';
  line += kNames[static_cast<std::size_t>(level)];
  line += ' ';
  line += message;
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  sink()(level, line);
}

}  // namespace slash32::log
