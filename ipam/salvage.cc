#include "ipam/salvage.h"

#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace slash32::ipam {
namespace {

constexpr std::size_t kNodeHeader = 8;  // MDB_node: data size (two halves), flags, key size, then key and data
constexpr std::size_t kPage = 4096;
constexpr std::array<std::uint8_t, kPage> kZeros{};
constexpr std::size_t kStep = 2;  // nodes are aligned so

/// A node that could stand at an offset.
struct Node {
  std::string_view key;
  std::string_view value;
};

std::uint16_t half(std::span<const std::uint8_t> file, std::size_t offset) {
  std::uint16_t value = 0;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

std::optional<Node> node_at(std::span<const std::uint8_t> file, std::size_t offset) {
  const std::size_t value_size = half(file, offset) | static_cast<std::size_t>(half(file, offset + 2)) << 16;
  const std::size_t key_size = half(file, offset + 6);
  const std::size_t begin = offset + kNodeHeader;
  if (key_size == 0 || key_size > format::kMaxKey || value_size > format::kMaxValue ||
      key_size + value_size > file.size() - begin)
    return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(file.data()) + begin;
  return Node{.key = {text, key_size}, .value = {text + key_size, value_size}};
}

class Finds {
 public:
  void add(const Node& node) {
    if (const auto entry = format::decode_entry(node.key, node.value)) {
      versions_.emplace(entry->address, entry->key);
      const auto [it, is_new] = entries_.emplace(entry->address, *entry);
      if (!is_new && it->second.stamp < entry->stamp) it->second = *entry;
    } else if (const auto key = format::decode_holder(node.key)) {
      for (const auto& address : format::decode_addresses(node.key, node.value).value_or(std::vector<IpAddress>{}))
        claims_.push_back({.key = *key, .address = address});
    } else if (node.key == format::meta_key()) {
      if (auto text = format::decode_text(node.key, node.value)) header_ = std::move(text);
    }
  }
  Salvage result() {
    Salvage out{.entries = {}, .unaccounted = {}, .header = header_};
    std::map<IpAddress, Key> holders;
    for (auto& [key, address] : claims_)
      if (!is_accounted(key, address)) holders[address] = std::move(key);
    for (auto& [address, key] : holders) out.unaccounted.push_back({.key = std::move(key), .address = address});
    for (auto& [address, entry] : entries_) out.entries.push_back(std::move(entry));
    return out;
  }

 private:
  /// Somebody holds it, or this key's own holding has left an entry, which tells more: the claim is then what became of
  /// it, or older.
  bool is_accounted(const Key& key, const IpAddress& address) const {
    const auto it = entries_.find(address);
    return (it != entries_.end() && it->second.use == Use::Taken) || versions_.contains({address, key});
  }

  std::map<IpAddress, Entry> entries_;
  std::set<std::pair<IpAddress, Key>> versions_;  // whoever held what, of all that was found
  std::vector<Held> claims_;                      // of the index, of whatever age
  std::optional<std::string> header_;
};

}  // namespace

Salvage salvage(std::span<const std::uint8_t> file) {
  Finds finds;
  for (std::size_t offset = 0; offset + kNodeHeader < file.size(); offset += kStep) {
    const std::size_t at = offset + kNodeHeader;
    if (at % kPage == 0 && file.size() - at >= kPage && std::memcmp(file.data() + at, kZeros.data(), kPage) == 0) {
      offset += kPage - kStep;  // most of a store was never written
      continue;
    }
    const auto tag = static_cast<char>(file[at]);
    if (tag != 'a' && tag != 'k' && tag != 'm') continue;
    if (const auto node = node_at(file, offset)) finds.add(*node);
  }
  return finds.result();
}

}  // namespace slash32::ipam
