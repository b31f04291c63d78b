// tests/replay/SCENARIO: `description.md` says what is played and why, `conf.json` is the node's bgpd.json,
// `events.jsonl` what happens to it, a line an event, and `output.jsonl` what it does. UPDATE_GOLDEN=1 in the
// environment writes the outputs anew: read the difference. The events: README.md there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "bgpd/wire/header.h"
#include "bgpd/wire/iana.h"
#include "bgpd/wire/notification.h"
#include "bgpd/wire/open.h"
#include "bgpd/wire/route_refresh.h"
#include "bgpd/wire/update.h"
#include "tests/bgpd/replay/node.h"

namespace slash32::bgp::replay {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;
using Bytes = std::vector<std::uint8_t>;

std::vector<fs::path> scenarios() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path{SLASH32_SOURCE_DIR} / "tests/replay"))
    if (entry.is_directory()) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string read_all(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

AddressFamily family_of(const std::string& name) { return name == "ipv4" ? AddressFamily::IPv4 : AddressFamily::IPv6; }

bool names(const json& list, const char* family) { return std::ranges::find(list, json(family)) != list.end(); }

/// {"as": 65001, "id": "10.9.1.1", "families": […], "restart": {"time": 120, "restarting": true, "preserved": […]},
/// "paths": {"ipv4": "send"}}: an OPEN that says nothing else, without a hold time.
Bytes open_of(const json& e) {
  Open open;
  open.asn = Asn{e.at("as").get<std::uint32_t>()};
  open.id = RouterId{IpAddress::parse(e.at("id").get<std::string>())->v4_value()};
  open.hold_time = e.value("hold", std::uint16_t{0});
  auto& c = open.capabilities;
  c.multiprotocol = c.route_refresh = true;
  c.four_octet_as = open.asn;
  for (const auto& f : e.value("families", json::array({"ipv4", "ipv6"}))) c.families.push_back(family_of(f));
  if (e.contains("restart")) {
    const auto& r = e["restart"];
    auto& gr = c.graceful_restart.emplace();
    gr.restart_time = r.value("time", std::uint16_t{120});
    gr.restarting = r.value("restarting", false);
    for (const AddressFamily f : c.families)
      gr.families.push_back(
          {f, names(r.value("preserved", json::array()), f == AddressFamily::IPv4 ? "ipv4" : "ipv6")});
  }
  const auto paths = e.value("paths", json::object());
  for (const auto& [family, how] : paths.items())
    c.add_path.push_back({family_of(family), how != "send", how != "receive"});
  return encode_open(open);
}

/// {"path": [65001], "via": "10.9.1.1", "id": 7}: attributes of announced prefixes, all of one family.
Bytes announcement(const json& e) {
  PathAttributes attributes;
  for (const auto& asn : e.value("path", json::array({65001}))) {
    if (attributes.as_path.segments.empty()) attributes.as_path.segments.emplace_back();
    attributes.as_path.segments[0].asns.emplace_back(asn.get<std::uint32_t>());
  }
  std::vector<Prefix> prefixes;
  for (const auto& p : e.at("announces")) prefixes.push_back(*Prefix::parse(p.get<std::string>()));
  const AddressFamily family = prefixes.at(0).family();
  attributes.next_hop =
      *IpAddress::parse(e.value("via", std::string{family == AddressFamily::IPv4 ? "10.9.1.1" : "fd09::1:1"}));
  const auto id = e.contains("id") ? std::optional{e["id"].get<PathId>()} : std::nullopt;
  Bytes out;
  const auto block = encode_attribute_block(attributes, family, {});
  EXPECT_TRUE(block && encode_announcements(*block, prefixes, kMaxMessageSize, out, id));
  return out;
}

Bytes withdrawal(const json& e) {
  std::vector<Prefix> prefixes;
  for (const auto& p : e.at("withdraws")) prefixes.push_back(*Prefix::parse(p.get<std::string>()));
  const auto id = e.contains("id") ? std::optional{e["id"].get<PathId>()} : std::nullopt;
  Bytes out;
  encode_withdrawals(prefixes, prefixes.at(0).family(), kMaxMessageSize, out, id);
  return out;
}

/// What a line's neighbour says; nothing: it is no message.
std::optional<Bytes> message_of(const json& e) {
  if (e.contains("opens")) return open_of(e["opens"]);
  if (e.contains("announces")) return announcement(e);
  if (e.contains("withdraws")) return withdrawal(e);
  if (e.contains("endOfRib")) return encode_end_of_rib(family_of(e["endOfRib"]));
  if (e.contains("refresh")) return encode_route_refresh({family_of(e["refresh"])});
  if (e.contains("notifies"))
    return encode_notification({e["notifies"].at(0).get<std::uint8_t>(), e["notifies"].at(1).get<std::uint8_t>(), {}});
  if (e.value("event", "") == "keepalive") return encode_keepalive();
  return std::nullopt;
}

/// False: no such event.
bool happens(Node& node, const json& e) {
  const auto who = e.value("neighbor", std::string{});
  const auto on = e.contains("on") ? std::optional{e["on"].get<ConnectionId>()} : std::nullopt;
  const auto event = e.value("event", std::string{});
  if (const auto message = message_of(e)) {
    node.says(who, *message, on);
  } else if (event == "start") {
    node.start();
  } else if (event == "closeForRestart") {
    node.close_for_restart();
  } else if (event == "connected") {
    node.connected(who);
  } else if (event == "refused") {
    node.refused(who);
  } else if (event == "calls") {
    node.calls(who);
  } else if (event == "hangsUp") {
    node.hangs_up(who, on);
  } else if (event == "isReset") {
    node.stop_neighbor(who, notification(ErrorCode::Cease, cease::kAdministrativeReset));
  } else if (event == "isStarted") {
    node.start_neighbor(who);
  } else if (event == "isRefreshed") {
    node.refresh_out(who);
  } else {
    return event == "nothing";
  }
  return true;
}

std::string play(const fs::path& scenario) {
  auto checked = config::check_bgpd_conf(read_all(scenario / "conf.json"));
  EXPECT_TRUE(checked.errors.empty()) << scenario << ": " << checked.errors.front().message;
  std::istringstream lines{read_all(scenario / "events.jsonl")};
  std::optional<Node> node;
  std::ostringstream out;
  for (std::string line; std::getline(lines, line);) {
    const auto e = json::parse(line);
    if (!node) node.emplace(checked.conf, e.value("kernel", std::map<std::string, std::string>{}));
    node->turn_to(Instant{Milliseconds{static_cast<std::int64_t>(e.at("at").get<double>() * 1000)}});
    EXPECT_TRUE(happens(*node, e)) << scenario << ": no such event: " << line;
    for (const Done& done : node->take_done())
      out << ordered_json{{"at", static_cast<double>(
                                     std::chrono::duration_cast<Milliseconds>(done.at.time_since_epoch()).count()) /
                                     1000},
                          {"who", done.who},
                          {"what", done.what}}
                 .dump()
          << "\n";
  }
  return out.str();
}

TEST(Replay, EveryScenarioDoesWhatItsOutputSays) {
  ASSERT_GE(scenarios().size(), 9U);
  for (const fs::path& scenario : scenarios()) {
    EXPECT_GT(read_all(scenario / "description.md").size(), 80U) << scenario << ": says not what it is for";
    const std::string output = play(scenario);
    if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(scenario / "output.jsonl") << output;
    EXPECT_EQ(output, read_all(scenario / "output.jsonl")) << scenario;
    EXPECT_GT(std::ranges::count(output, '\n'), 3) << scenario;
  }
}

}  // namespace
}  // namespace slash32::bgp::replay
