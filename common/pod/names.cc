#include "common/pod/names.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/sha256.h"

namespace slash32::pod {
namespace {

constexpr std::string_view kAliasPrefix = "s32:1:";
constexpr std::size_t kNameDigits = 12;
constexpr std::size_t kHashDigits = 32;

std::string hashed(const std::string& text) { return "#" + sha256_hex(text, kHashDigits); }

bool stands_for(const std::string& written, const std::string& meant) {
  return written == meant || (written.starts_with('#') && written == hashed(meant));
}

std::string join(const std::string& network, const std::string& container, const std::string& rest) {
  return std::string(kAliasPrefix) + network + ":" + container + rest;
}

}  // namespace

std::string host_ifname(const Key& key) {
  // None of the three can hold a zero byte, so different keys give different texts.
  using namespace std::string_literals;
  return std::string(kHostPrefix) +
         sha256_hex(key.network + "\0"s + key.container_id + "\0"s + key.ifname, kNameDigits);
}

std::string address_name(const IpAddress& address) {
  constexpr std::size_t kDigits = 11;
  const std::string prefix = std::string(kHostPrefix) + "-";
  if (address.is_v6()) return prefix + sha256_hex(address.to_string(), kDigits);
  std::array<char, 9> digits{};
  const auto b = address.bytes();
  std::snprintf(digits.data(), digits.size(), "%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
  return prefix + digits.data();
}

bool is_host_ifname(std::string_view name) {
  return name.size() == kHostPrefix.size() + kNameDigits && name.starts_with(kHostPrefix) &&
         name.find_first_not_of("0123456789abcdef", kHostPrefix.size()) == std::string_view::npos;
}

std::string format_alias(const Key& key, const std::vector<IpAddress>& addresses) {
  std::string v4;
  std::string v6;
  for (const auto& address : addresses) (address.is_v4() ? v4 : v6) = address.to_string();
  const std::string rest = ":" + key.ifname + ":" + v4 + ":" + v6;
  if (auto plain = join(key.network, key.container_id, rest); plain.size() <= kMaxAlias) return plain;
  if (auto shorter = join(key.network, hashed(key.container_id), rest); shorter.size() <= kMaxAlias) return shorter;
  if (auto shorter = join(hashed(key.network), key.container_id, rest); shorter.size() <= kMaxAlias) return shorter;
  return join(hashed(key.network), hashed(key.container_id), rest);
}

std::optional<Alias> parse_alias(std::string_view text) {
  if (!text.starts_with(kAliasPrefix)) return std::nullopt;
  text.remove_prefix(kAliasPrefix.size());
  std::array<std::string, 4> fields;  // network, cid, ifname, v4; what is left is v6, which has colons of its own
  for (auto& field : fields) {
    const auto end = text.find(':');
    if (end == std::string_view::npos) return std::nullopt;
    field = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  Alias alias{.key = {.network = fields[0], .container_id = fields[1], .ifname = fields[2]}, .addresses = {}};
  for (const auto& address : {fields[3], std::string(text)}) {
    if (address.empty()) continue;
    const auto parsed = IpAddress::parse(address);
    if (!parsed) return std::nullopt;
    alias.addresses.push_back(*parsed);
  }
  return alias;
}

bool alias_is_of(const Alias& alias, const Key& key) {
  return alias_is_of_network(alias, key.network) && alias_is_of_container(alias, key.container_id) &&
         alias.key.ifname == key.ifname;
}

bool alias_is_of_network(const Alias& alias, const std::string& network) {
  return stands_for(alias.key.network, network);
}

bool alias_is_of_container(const Alias& alias, const std::string& container_id) {
  return stands_for(alias.key.container_id, container_id);
}

bool is_shortened(const Key& key) { return key.network.starts_with('#') || key.container_id.starts_with('#'); }

netlink::MacAddress pod_mac(const std::vector<IpAddress>& addresses) {
  const auto v4 = std::ranges::find_if(addresses, &IpAddress::is_v4);
  if (v4 != addresses.end()) {
    const auto b = v4->bytes();
    return {{0x02, 0x32, b[0], b[1], b[2], b[3]}};
  }
  const auto digest = sha256(addresses.empty() ? std::string() : addresses.front().to_string());
  return {{0x06, 0x32, digest[0], digest[1], digest[2], digest[3]}};
}

}  // namespace slash32::pod
