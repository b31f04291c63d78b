#include "ctl/watch.h"

#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/http_client.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

std::string text_of_neighbor(const json& event) {
  return field_text(event, "neighbor") + " " + field_text(event, "before") + " -> " + field_text(event, "state");
}

std::string text_of_error(const json& event) {
  std::string out = field_text(event, "neighbor") + " " + field_text(event, "direction") + " ";
  if (field_is_true(event, "malformedUpdate"))
    return out + "a malformed UPDATE, " + field_text(event, "treatment") + ": " + field_text(event, "why");
  out += field_text(event, "name") + " (" + field_text(event, "code") + "/" + field_text(event, "subcode") + ")";
  const json& cause = member(event, "cause");
  if (cause.is_object()) out += " because of " + field_text(cause, "name");
  for (const json* one : {&event, &cause})
    if (member(*one, "text").is_string()) out += ": \"" + field_text(*one, "text") + "\"";
  return out;
}

std::string text_of_route(const json& event) {
  const json& best = member(event, "best");
  std::string out = field_text(event, "prefix") + " ";
  if (!best.is_object()) return out + "has no path any more";
  const std::string from = field_text(best, "neighbor");
  return out + "via " + field_text(best, "nextHop") + " from " +
         (from == kNothing ? field_text(best, "source") : from) + " (" + field_text(best, "wonBy") + ")";
}

struct Kind {
  std::string_view name;
  std::string (*text)(const json&);
};
constexpr std::array kKinds{
    Kind{"neighbor", text_of_neighbor}, Kind{"error", text_of_error},
    Kind{"condition",
         [](const json& event) { return field_text(event, "state") + ": " + field_text(event, "condition"); }},
    Kind{"route", text_of_route}, Kind{"start", [](const json&) { return std::string("listening"); }}};

}  // namespace

std::string watch_target(const WatchQuery& query) {
  std::string target = "/v1/events";
  if (!query.kinds.empty()) target += "?kinds=" + percent_encoded(query.kinds);
  if (!query.prefix.empty()) target += (query.kinds.empty() ? "?prefix=" : "&prefix=") + percent_encoded(query.prefix);
  return target;
}

std::string render_event(const std::string& line) {
  const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return printable(line);
  if (const std::string lost = field_text(event, "lost"); lost != kNothing)
    return "(" + lost + " events are missing here: they came faster than they were read)";
  const std::string name = field_text(event, "kind");
  for (const auto& kind : kKinds)
    if (kind.name == name) return field_text(event, "time") + " " + name + " " + kind.text(event);
  return printable(line);
}

Status run_watch(const Options& options, const WatchQuery& query, std::ostream& out) {
  std::string rest;
  const auto print = [&](std::string_view bytes) {
    rest.append(bytes);
    std::size_t from = 0;
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', from)) {
      const std::string line = rest.substr(from, end - from);
      out << (options.json ? line : render_event(line)) << '\n';
      from = end + 1;
    }
    rest.erase(0, from);
    out.flush();
    return out.good();
  };
  TRY(stream(options.socket, watch_target(query), print));
  if (!out) return ok();  // who read it is gone; the exit status says so
  return fail(5, "slash32-bgpd has ended the stream", "it is stopping, or its control socket has moved");
}

}  // namespace slash32::ctl
