// originate of bgpd.json: what this node announces itself. As values; as JSON; and as the text that a document of many
// thousand prefixes is put together from, since a Service that comes or goes changes one entry of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/plan/policies.h"
#include "common/ip.h"

namespace slash32::agent::plan {

/// What an entry of originate.prefixes says of its prefix.
struct EntryStyle {
  bool blackhole = false;
  bool drop_forwarded = false;
  bool withdrawn_by_drain = false;
  RouteAttributes attributes;
  auto operator<=>(const EntryStyle&) const = default;
};
struct Entry {
  Prefix prefix;
  EntryStyle style;
  auto operator<=>(const Entry&) const = default;
};

/// The pod ranges first, then Services' prefixes, each in order.
std::vector<Entry> entries_of(const Announced& announced);

nlohmann::ordered_json originate_json(const Announced& announced, const std::vector<Entry>& entries);

/// `document.dump(2)` and a newline, as if originate.prefixes of it had these entries; the one it has is not looked at.
std::string document_text(nlohmann::ordered_json document, const std::vector<Entry>& entries);

}  // namespace slash32::agent::plan
