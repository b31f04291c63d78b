// A server in words and a reflector with its clock, for the tests of list and watch.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/kube/reflector.h"

namespace slash32::agent::kube {

using namespace std::chrono_literals;

inline std::string object(const std::string& name, int version, const std::string& rest = {}) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + std::to_string(version) + "\"}" + rest + "}";
}
inline std::string list_of(const std::vector<std::string>& items, int version, const std::string& more = {}) {
  std::string out = R"({"kind":"List","metadata":{"resourceVersion":")" + std::to_string(version) + "\"";
  if (!more.empty()) out += R"(,"continue":")" + more + "\"";
  out += "},\"items\":[";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i ? "," : "") + items[i];
  return out + "]}";
}
inline std::string event(const std::string& type, const std::string& what) {
  return R"({"type":")" + type + R"(","object":)" + what + "}\n";
}
inline const std::string kBookmark = R"({"kind":"Node","metadata":{"resourceVersion":"90"}})";
inline const std::string kExpired =
    R"({"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"})";

/// The settings of most tests, but for what `change` does.
ReflectorSettings nodes_but(auto change) {
  ReflectorSettings out;
  out.resource = {.group = "", .version = "v1", .plural = "nodes"};
  change(out);
  return out;
}

/// A reflector with its clock; what it does is kept as words.
struct World {
  explicit World(ReflectorSettings settings = nodes_but([](auto&) {})) : reflector(std::move(settings)) {}

  Reflector reflector;
  Instant now{1000s};
  std::vector<std::string> told;      // "put n1 v3", "remove n1", "synced"
  std::vector<std::string> troubles;  // "" when over
  std::vector<std::string> asked;
  int cuts = 0;

  void take(const Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* fetch = std::get_if<act::Fetch>(&action)) asked.push_back(fetch->target);
      if (std::holds_alternative<act::Cut>(action)) ++cuts;
      if (std::holds_alternative<act::Synced>(action)) told.emplace_back("synced");
      if (const auto* put = std::get_if<act::Put>(&action))
        told.push_back("put " + put->key + " v" + put->object["metadata"]["resourceVersion"].get<std::string>());
      if (const auto* remove = std::get_if<act::Remove>(&action)) told.push_back("remove " + remove->key);
      if (const auto* trouble = std::get_if<act::Trouble>(&action)) troubles.push_back(trouble->what);
    }
  }
  void start() { take(reflector.start(now)); }
  void head(int status = 200, std::optional<Seconds> retry = {}) { take(reflector.on_head({status, retry}, now)); }
  void body(const std::string& text) { take(reflector.on_body(text, now)); }
  void end() { take(reflector.on_end(now)); }
  void answer(const std::string& text, int status = 200, std::optional<Seconds> retry = {}) {
    head(status, retry);
    body(text);
    end();
  }
  void fail(const std::string& why = "the server closed the connection") { take(reflector.on_failed(why, now)); }
  /// On to the deadline; how far that was.
  Duration wait() {
    EXPECT_TRUE(reflector.deadline());
    const auto before = now;
    now = *reflector.deadline();
    take(reflector.on_timer(now));
    return now - before;
  }
  void pass(Duration time) {
    now += time;
    take(reflector.on_timer(now));
  }
  /// Listed n1, and watching.
  void watch() {
    start();
    answer(list_of({object("n1", 3)}, 50));
    head();
    told.clear();
    troubles.clear();
    asked.clear();
  }
  std::vector<std::string> take_told() { return std::exchange(told, {}); }
};

inline constexpr const char* kFirstList = "/api/v1/nodes?limit=500&resourceVersion=0";

}  // namespace slash32::agent::kube
