// `slash32ctl neighbors [NAME]`: the sessions, as "show bgp summary" and "show protocols" would have them.
#include <array>
#include <ostream>

#include "ctl/commands.h"
#include "ctl/document.h"
#include "ctl/errors_text.h"
#include "ctl/http_client.h"
#include "ctl/session_text.h"
#include "ctl/text.h"

namespace slash32::ctl {
namespace {

using nlohmann::json;

constexpr std::array kFamilies{"ipv4", "ipv6"};
constexpr std::array kCounts{"received", "accepted", "advertised"};

/// "12/10/3": received, accepted, advertised. Nothing for a family that the session does not carry.
std::string counts_text(const json& neighbor, const char* family) {
  const json& counts = member(member(neighbor, "families"), family);
  if (!counts.is_object()) return std::string{kNothing};
  std::string out;
  for (const char* key : kCounts) out += (out.empty() ? "" : "/") + field_text(counts, key);
  return out;
}

/// "no policy" in any of the shapes a document may have it: a text, or one for each direction.
std::string policy_text(const json& neighbor) {
  const json& policy = member(neighbor, "policy");
  if (!policy.is_object()) return scalar_text(policy);
  std::string out;
  for (const auto& [direction, value] : policy.items()) {
    std::string text = scalar_text(value);
    if (value.is_array()) {
      text.clear();
      for (const json& name : value) text += (text.empty() ? "" : ",") + scalar_text(name);
    }
    out += (out.empty() ? "" : "; ") + printable(direction) + " " + (text.empty() ? std::string{kNothing} : text);
  }
  return out;
}

/// A last error is a text, or an object with a message.
std::string error_text(const json& neighbor) {
  const json& error = member(neighbor, "lastError");
  return error.is_object() ? field_text(error, "message") : scalar_text(error);
}

/// Whether graceful restart bridges a loss of this session (RFC 4724), and a NOTIFICATION too (RFC 8538).
std::string restart_text(const json& neighbor) {
  const json& restart = member(neighbor, "gracefulRestart");
  const json& negotiated = member(restart, "negotiated");
  if (!negotiated.is_boolean()) return std::string{kNothing};
  if (!negotiated.get<bool>()) return "not graceful";
  const json& notification = member(restart, "notification");
  const bool both = notification.is_boolean() && notification.get<bool>();
  std::string out = both ? "graceful, negotiated, also after a NOTIFICATION" : "graceful, negotiated";
  const json& times = member(member(restart, "longLived"), "staleTime");
  for (const auto& [family, seconds] : times.items())
    if (seconds.is_number_unsigned() && seconds.get<std::uint64_t>() > 0)
      out += ", long-lived " + family + " " + scalar_text(seconds) + " s";
  return out;
}

/// "ipv4 for 81 s more, ipv6 long-lived for 600 s more": what a neighbour that is away, or not done yet, left behind.
std::string stale_text(const json& stale) {
  std::string out;
  for (const json& one : stale) {
    out += (out.empty() ? "" : ", ") + field_text(one, "family");
    if (field_is_true(one, "longLived")) out += " long-lived";
    if (member(one, "secondsLeft").is_number()) out += " for " + field_text(one, "secondsLeft") + " s more";
  }
  return out;
}

/// "Up, neighbor Up; sent every 50 ms, a failure after 150 ms; since 2026-11-22T03:15:28Z", or why there is none.
std::string bfd_text(const json& bfd) {
  if (!bfd.is_object()) return std::string{kNothing};
  if (member(bfd, "trouble").is_string()) return field_text(bfd, "trouble");
  std::string out = field_text(bfd, "state");
  if (out != "Up") out += " (" + field_text(bfd, "diagnostic") + ")";
  out += ", neighbor " + field_text(bfd, "remoteState");
  if (field_text(bfd, "state") == "Up")
    out += "; sent every " + field_text(bfd, "transmitInterval") + " ms, a failure after " +
           field_text(bfd, "detectionTime") + " ms";
  return out + "; since " + field_text(bfd, "since");
}

/// What a summary has to say beside the counts: why a session is down, or that no policy lets anything through.
std::string note_text(const json& neighbor) {
  const bool is_up = field_text(neighbor, "state") == "Established";
  const std::string policy = policy_text(neighbor);
  if (is_up) return policy.find("no policy") == std::string::npos ? std::string{} : policy;
  return error_text(neighbor);
}

const json* find_neighbor(const json& document, const std::string& name) {
  const json& neighbors = member(document, "neighbors");
  if (!neighbors.is_array()) return nullptr;
  for (const json& one : neighbors) {
    for (const char* key : {"name", "address"}) {
      const json& value = member(one, key);
      if (value.is_string() && value.get_ref<const std::string&>() == name) return &one;
    }
  }
  return nullptr;
}

Status show_one(const Options& options, const std::string& name, std::ostream& out) {
  const std::string text = TRY(fetch(options, "/v1/neighbors"));
  const json document = TRY(parse_document(text, "/v1/neighbors"));
  const json* neighbor = find_neighbor(document, name);
  if (neighbor == nullptr) {
    return fail(3, "no neighbor has the name or address \"" + name + "\"", "`slash32ctl neighbors` lists them");
  }
  // The list leaves out what is long: the messages that were at fault.
  const std::string target = "/v1/neighbors/" + percent_encoded(field_text(*neighbor, "name"));
  return show(options, target, out, render_neighbor);
}

}  // namespace

std::string render_neighbors(const json& document) {
  const json& neighbors = member(document, "neighbors");
  if (!neighbors.is_array() || neighbors.empty()) return "no neighbors are configured\n";
  Table table({{"NAME"},
               {"ADDRESS"},
               {"AS", Align::Right},
               {"TYPE"},
               {"STATE"},
               {"UP", Align::Right},
               {"FLAPS", Align::Right},
               {"IPV4 RCV/ACC/ADV", Align::Right},
               {"IPV6 RCV/ACC/ADV", Align::Right},
               {"NOTE"}});
  for (const json& one : neighbors) {
    table.add({field_text(one, "name"), field_text(one, "address"), field_text(one, "remoteAs"),
               field_text(one, "type"), field_text(one, "state"), field_duration(one, "uptimeSeconds"),
               field_text(one, "flaps"), counts_text(one, "ipv4"), counts_text(one, "ipv6"), note_text(one)});
  }
  return table.to_string();
}

std::string render_neighbor(const json& neighbor) {
  std::vector<std::pair<std::string, std::string>> lines{{"neighbor", field_text(neighbor, "name")},
                                                         {"address", field_text(neighbor, "address")},
                                                         {"type", field_text(neighbor, "type")},
                                                         {"remote AS", field_text(neighbor, "remoteAs")},
                                                         {"local AS", field_text(neighbor, "localAs")},
                                                         {"remote ID", field_text(neighbor, "remoteId")},
                                                         {"our address", field_text(neighbor, "localAddress")},
                                                         {"state", field_text(neighbor, "state")},
                                                         {"up", field_duration(neighbor, "uptimeSeconds")},
                                                         {"hold time", field_duration(neighbor, "holdTime")},
                                                         {"keepalive", field_duration(neighbor, "keepaliveTime")},
                                                         {"flaps", field_text(neighbor, "flaps")},
                                                         {"malformed", field_text(neighbor, "malformedUpdates")},
                                                         {"restart", restart_text(neighbor)},
                                                         {"BFD", bfd_text(member(neighbor, "bfd"))},
                                                         {"policy", policy_text(neighbor)},
                                                         {"last error", error_text(neighbor)}};
  if (member(neighbor, "drained").is_string())
    lines.emplace_back("drained", "by " + field_text(neighbor, "drained") + ": used last both ways");
  if (member(neighbor, "stale").is_array()) lines.emplace_back("stale", stale_text(member(neighbor, "stale")));
  for (const char* family : kFamilies) {
    const json& counts = member(member(neighbor, "families"), family);
    if (!counts.is_object()) continue;
    std::string text;
    for (const char* key : kCounts) {
      text += (text.empty() ? "" : ", ") + field_text(counts, key) + " " + key;
    }
    lines.emplace_back(family, text);
  }
  return titled_lines(lines) + session_text(neighbor) + errors_text(member(neighbor, "errors"));
}

Status run_neighbors(const Options& options, const NeighborsQuery& query, std::ostream& out) {
  if (query.advertised) {
    const std::string target = "/v1/neighbors/" + percent_encoded(query.name) + "/advertised";
    return show(options, target, out, render_routes);
  }
  if (!query.name.empty()) return show_one(options, query.name, out);
  return show(options, "/v1/neighbors", out, render_neighbors);
}

}  // namespace slash32::ctl
