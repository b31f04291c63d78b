#include "common/node/masquerade.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/log.h"
#include "common/pod/names.h"
#include "common/sha256.h"

namespace slash32::node {
namespace {

using Kind = netlink::Statement::Kind;
using netlink::Rule;
using netlink::Statement;

constexpr std::string_view kTablePrefix = "slash32-masq-";
constexpr std::string_view kChain = "pods-leaving";
constexpr std::size_t kMaxNetworkName = 128;  // of nftables' 255 octets
constexpr std::size_t kHashDigits = 32;
constexpr std::uint32_t kGroupMark = 0x73U << 24;  // 's'. Below 2^31: iproute2 prints groups as signed numbers
constexpr std::int32_t kPrioritySrcNat = 100;      // NF_IP_PRI_NAT_SRC

Statement statement(Kind kind) { return {.kind = kind, .text = {}, .prefix = {}}; }

Rule to_a_pod_here() {
  auto out_of_a_host_end = statement(Kind::OutIfnameStarts);
  out_of_a_host_end.text = pod::kHostPrefix;
  return {.chain = std::string(kChain), .statements = {std::move(out_of_a_host_end), statement(Kind::Return)}};
}

Rule to(const Prefix& destination) {
  auto family = statement(Kind::FamilyIs);
  auto within = statement(Kind::DestinationWithin);
  family.prefix = within.prefix = destination;
  return {.chain = std::string(kChain), .statements = {std::move(family), std::move(within), statement(Kind::Return)}};
}

/// What the node itself sends comes in by no link, so that the group's match ends the rule.
Rule masqueraded(const std::string& network) {
  auto in_group = statement(Kind::InGroup);
  in_group.number = masquerade_group(network);
  return {.chain = std::string(kChain),
          .statements = {std::move(in_group), statement(Kind::Counter), statement(Kind::Masquerade)}};
}

Result<netlink::Socket> open_netfilter(std::chrono::milliseconds patience) {
  return netlink::Socket::open(netlink::Family::Netfilter, patience);
}

}  // namespace

std::uint32_t masquerade_group(const std::string& network) {
  const auto digest = sha256(network);
  return kGroupMark | std::uint32_t{digest[0]} << 16 | std::uint32_t{digest[1]} << 8 | digest[2];
}

netlink::Table masquerade_table(const std::string& network, std::vector<Prefix> exempt, NodeFile node_file) {
  std::ranges::sort(exempt);
  const auto repeated = std::ranges::unique(exempt);
  exempt.erase(repeated.begin(), repeated.end());
  const auto name = network.size() <= kMaxNetworkName ? network : sha256_hex(network, kHashDigits);
  netlink::Table table{.name = std::string(kTablePrefix) + name,
                       .version = node_file == NodeFile::Read ? "slash32 masq 1+node.json" : "slash32 masq 1",
                       .chains = {{.name = std::string(kChain),
                                   .type = "nat",
                                   .hook = netlink::Hook::PostRouting,
                                   .priority = kPrioritySrcNat}},
                       .rules = {to_a_pod_here()}};
  for (const auto& destination : exempt) table.rules.push_back(to(destination));
  table.rules.push_back(masqueraded(network));
  return table;
}

Status prepare_masquerade(const std::string& network, const std::vector<Prefix>& exempt, NodeFile node_file,
                          const cni::Deadline& deadline) {
  auto netfilter = TRY(open_netfilter(deadline.remaining()));
  const auto table = masquerade_table(network, exempt, node_file);
  if (TRY(netlink::table_is_current(netfilter, table))) return ok();
  if (node_file == NodeFile::Absent &&
      TRY(netlink::table_has_rules(netfilter, masquerade_table(network, exempt, NodeFile::Read)))) {
    log::warn("node.json is gone; what it exempted from masquerading stays exempt", {{"table", table.name}});
    return ok();
  }
  return netlink::install_table(netfilter, table);
}

Status check_masquerade(const std::string& network, std::chrono::milliseconds patience) {
  auto netfilter = TRY(open_netfilter(patience));
  for (const auto node_file : {NodeFile::Absent, NodeFile::Read})
    if (TRY(netlink::table_has_rules(netfilter, masquerade_table(network, {}, node_file)))) return ok();
  const auto name = masquerade_table(network, {}, NodeFile::Absent).name;
  return fail(cni::kInternal, "nftables table inet " + name + " is missing or not as we made it");
}

}  // namespace slash32::node
