#include "common/node/anti_spoofing.h"

#include <cstdint>
#include <string>

#include "common/cni/error.h"
#include "common/pod/names.h"

namespace slash32::node {
namespace {

constexpr std::int32_t kPriorityRaw = -300;  // NF_IP_PRI_RAW: before conntrack remembers a spoofed packet

}  // namespace

netlink::Table anti_spoofing_table() {
  using Kind = netlink::Statement::Kind;
  return {.name = "slash32",
          .version = "slash32 2",
          .chains =
              {{.name = "pods-source", .type = "filter", .hook = netlink::Hook::PreRouting, .priority = kPriorityRaw}},
          .rules = {{.chain = "pods-source",
                     .statements = {{.kind = Kind::IfnameStarts, .text = std::string(pod::kHostPrefix), .prefix = {}},
                                    {.kind = Kind::ReversePathMissing, .text = {}, .prefix = {}},
                                    {.kind = Kind::Counter, .text = {}, .prefix = {}},
                                    {.kind = Kind::Drop, .text = {}, .prefix = {}}}}}};
}

Status prepare_anti_spoofing(const cni::Deadline& deadline) {
  auto netfilter = TRY(netlink::Socket::open(netlink::Family::Netfilter, deadline.remaining()));
  const auto table = anti_spoofing_table();
  if (TRY(netlink::table_is_current(netfilter, table))) return ok();
  return netlink::install_table(netfilter, table);
}

Status check_anti_spoofing(std::chrono::milliseconds patience) {
  auto netfilter = TRY(netlink::Socket::open(netlink::Family::Netfilter, patience));
  const auto table = anti_spoofing_table();
  if (TRY(netlink::table_is_current(netfilter, table))) return ok();
  return fail(cni::kInternal, "nftables table inet " + table.name + " is missing or not as we made it");
}

}  // namespace slash32::node
