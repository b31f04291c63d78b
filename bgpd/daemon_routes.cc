// GET /v1/routes/PREFIX: every path to one prefix with why it won or lost, and of every neighbour whether it was told.
#include <memory>
#include <utility>

#include "bgpd/daemon.h"
#include "bgpd/views.h"

namespace slash32::bgp {
namespace {

using control::error_response;
using control::HttpResponse;
using nlohmann::ordered_json;

constexpr std::size_t kNeighborsAPiece = 50;  // each costs an export decision

std::string text_of(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

/// Whether one neighbour was told of a prefix: as what, or why not.
std::string Daemon::told_text(const Neighbor& neighbor, const Prefix& prefix) const {
  ordered_json out = {{"neighbor", neighbor.conf.name}};
  const auto sent = rib_->advertised(neighbor.id, prefix);
  out["sent"] = sent != nullptr;
  out.update(sent ? advertised_view(prefix, *sent) : not_told_view(rib_->why_not_told(neighbor.id, prefix)));
  return text_of(out);
}

HttpResponse Daemon::route(const std::string& text) {
  const auto prefix = Prefix::parse(text, true);
  if (!prefix) return error_response(400, prefix.error().message);
  std::string body = "{\"prefix\": " + text_of(prefix->to_string()) + ",\n\"paths\": [";
  const auto paths = paths_of(*prefix);
  for (std::size_t i = 0; i < paths.size(); ++i) body += (i == 0 ? "\n" : ",\n") + route_text(paths[i]);
  body += "],\n\"neighbors\": [";
  // A neighbour is shown as it stands at its turn; one that comes or goes meanwhile may be there or not.
  struct Walk {
    PeerId next = 0;
    bool first = true, done = false;
  };
  return {.status = 200,
          .body = std::move(body),
          .more = [this, prefix = *prefix, walk = std::make_shared<Walk>()]() -> std::optional<std::string> {
            if (walk->done) return std::nullopt;
            walk->done = true;
            if (!neighbors_) return "],\n\"incomplete\": \"slash32-bgpd is ending\"}\n";
            std::string piece;
            std::size_t count = 0;
            for (auto at = neighbors_->all().lower_bound(walk->next); at != neighbors_->all().end(); ++at) {
              if (count++ == kNeighborsAPiece) {
                walk->next = at->first;
                walk->done = false;
                return piece;
              }
              piece += (std::exchange(walk->first, false) ? "\n" : ",\n") + told_text(*at->second, prefix);
            }
            return piece + "]}\n";
          }};
}

}  // namespace slash32::bgp
