// POST /v1/neighbors/NAME/VERB: an operator's orders to one neighbour.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bgpd/daemon.h"
#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpRequest;
using control::HttpResponse;

struct Verb {
  std::string_view name;
  bool takes_reason;
  Status (*run)(Neighbors&, PeerId, const std::string& reason);
};
constexpr std::array kVerbs{
    Verb{"reset", true, [](Neighbors& all, PeerId id, const std::string& why) { return all.reset(id, why); }},
    Verb{"disable", true, [](Neighbors& all, PeerId id, const std::string& why) { return all.disable(id, why); }},
    Verb{"enable", false, [](Neighbors& all, PeerId id, const std::string&) { return all.enable(id); }},
    Verb{"drain", false, [](Neighbors& all, PeerId id, const std::string&) { return all.drain(id, true); }},
    Verb{"undrain", false, [](Neighbors& all, PeerId id, const std::string&) { return all.drain(id, false); }},
    Verb{"refresh-in", false, [](Neighbors& all, PeerId id, const std::string&) { return all.refresh_in(id); }},
    Verb{"refresh-out", false, [](Neighbors& all, PeerId id, const std::string&) { return all.refresh_out(id); }}};

/// The text that goes with the NOTIFICATION. Error: it could not be sent as it is.
Result<std::string> read_reason(const Verb& verb, const HttpRequest& request) {
  std::string reason;
  for (const auto& [key, value] : request.query) {
    if (key != "reason" || !verb.takes_reason)
      return fail(7, "unknown parameter \"" + key + "\"" + (verb.takes_reason ? "; known: reason" : ""));
    reason = value;
  }
  if (reason.size() > kMaxShutdownText)
    return fail(7, "the reason has more than " + std::to_string(kMaxShutdownText) + " octets (RFC 9003 section 2)");
  const auto quoted = nlohmann::json(reason).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore);
  if (nlohmann::json::parse(quoted).get<std::string>() != reason) return fail(7, "the reason is not UTF-8 (RFC 9003)");
  if (std::ranges::any_of(reason, [](unsigned char c) { return c < ' ' || c == 0x7F; }))
    return fail(7, "the reason must not contain control characters");
  return reason;
}

}  // namespace

HttpResponse Daemon::neighbor_verb(const HttpRequest& request) {
  constexpr std::string_view kNeighbors = "/v1/neighbors/";
  const auto rest = request.path.substr(kNeighbors.size());
  const auto slash = rest.rfind('/');
  const auto name = rest.substr(0, slash), word = slash == std::string::npos ? "" : rest.substr(slash + 1);
  const auto verb = std::ranges::find(kVerbs, word, &Verb::name);
  if (verb == kVerbs.end()) {
    std::string known;
    for (const auto& one : kVerbs) known += (known.empty() ? "" : ", ") + std::string(one.name);
    return error_response(404, "no such order \"" + word + "\" for a neighbor; known: " + known);
  }
  const auto* found = neighbors_->find(name);
  if (!found) return error_response(404, "no neighbor \"" + name + "\"");
  const auto reason = read_reason(*verb, request);
  if (!reason) return error_response(400, reason.error().message);
  if (stopping_) return error_response(409, "slash32-bgpd is stopping");
  const auto done = verb->run(*neighbors_, found->id, *reason);
  if (!done) return error_response(409, "neighbor " + name + ": " + done.error().message);
  if (neighbors_->drained() != life_.drained) note_state();
  const nlohmann::ordered_json document = {{"neighbor", name}, {"order", word}, {"state", "done"}};
  return {.status = 200, .body = document.dump(2) + "\n", .more = nullptr};
}

}  // namespace slash32::bgp
