#include "bgpd/state_file.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/fd.h"
#include "common/json_field.h"

namespace slash32::bgp {
namespace {

Result<EarlierLife> read_life(const std::string& text, const std::string& boot_id) {
  const auto document = TRY(parse_json(text));
  const JsonField root(document);
  // What else there is, a later version said to itself: rolling back must not cost a graceful restart.
  if (TRY(root.required("bootId", json::text)) != boot_id) return root.child("bootId").bad("is of another boot");
  EarlierLife out;
  for (const auto& family : TRY(root.required("learned", json::texts)))
    out.learned.push_back(family == "ipv6" ? AddressFamily::IPv6 : AddressFamily::IPv4);
  out.draining = TRY(root.optional("draining", json::boolean, false));
  for (const auto& drained : TRY(root.optional("drained", json::texts, std::vector<std::string>{}))) {
    const auto percent = std::min(drained.find('%'), drained.size());
    out.drained.push_back({.address = TRY(IpAddress::parse(drained.substr(0, percent))),
                           .link = drained.substr(std::min(percent + 1, drained.size()))});
  }
  return out;
}

}  // namespace

std::optional<EarlierLife> read_state_file(const std::string& path, const std::string& boot_id) {
  if (boot_id.empty()) return std::nullopt;
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  auto life = read_life(*text, boot_id);
  return life ? std::optional{*std::move(life)} : std::nullopt;
}

Status write_state_file(const std::string& path, const std::string& boot_id, const EarlierLife& life) {
  nlohmann::ordered_json document = {{"bootId", boot_id}, {"learned", nlohmann::ordered_json::array()}};
  for (const auto family : life.learned) document["learned"].push_back(family == AddressFamily::IPv4 ? "ipv4" : "ipv6");
  if (life.draining) document["draining"] = true;  // the version before the order refuses a file with the key
  for (const auto& [address, link] : life.drained)
    document["drained"].push_back(address.to_string() + (link.empty() ? "" : "%" + link));
  TRY(make_directories(std::filesystem::path(path).parent_path()));
  return write_atomic(path, document.dump() + "\n", 0600);
}

void remove_state_file(const std::string& path) { (void)::unlink(path.c_str()); }

std::string read_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id");
  if (!text) return {};
  std::erase(*text, '\n');
  return *std::move(text);
}

std::vector<AddressFamily> preserved_families(const std::optional<EarlierLife>& earlier, bool found_v4, bool found_v6) {
  std::vector<AddressFamily> out;
  if (!earlier) return out;
  const auto kept = [&](AddressFamily family, bool found) {
    const bool had = std::ranges::find(earlier->learned, family) != earlier->learned.end();
    if (found || !had) out.push_back(family);
  };
  kept(AddressFamily::IPv4, found_v4);
  kept(AddressFamily::IPv6, found_v6);
  return out;
}

}  // namespace slash32::bgp
