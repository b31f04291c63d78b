// One line an event: "2026-01-02T03:04:05.678Z info session up peer=tor1 address=10.0.1.254". Shells log, pure code
// does not.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace slash32::log {

enum class Level : unsigned char { Debug, Info, Warn, Error };

/// One key=value of a line. Values with a space, a quote, '=' or a control character are quoted and escaped.
struct Field {
  std::string_view key;
  std::string value;
};

using Sink = std::function<void(Level, const std::string& line)>;

/// Replaces the sink (default: standard error) and returns the one before. Lines come without a line end.
Sink set_sink(Sink sink);
/// Lines below this level are dropped. Default: Info.
void set_level(Level level);
/// "debug", "info", "warn", "error"; anything else leaves the level as it is and returns false.
bool set_level(std::string_view name);

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});
inline void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Debug, m, f); }
inline void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Info, m, f); }
inline void warn(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Warn, m, f); }
inline void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::Error, m, f); }

}  // namespace slash32::log
