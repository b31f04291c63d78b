// Just enough nftables for a table of our own: messages of nfnetlink's NFT_MSG_* (linux/netfilter/nf_tables.h), built
// through libnl since neither libmnl nor libnftnl can be linked statically, and no program may be executed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/netlink/request.h"
#include "common/netlink/socket.h"
#include "common/result.h"

namespace slash32::netlink {

/// Where a base chain hooks in (NF_INET_*).
enum class Hook : std::uint8_t { PreRouting = 0, LocalIn = 1, Forward = 2, LocalOut = 3, PostRouting = 4 };

struct BaseChain {
  std::string name;
  std::string type;  // "filter" or "nat"
  Hook hook = Hook::PreRouting;
  std::int32_t priority = 0;  // NF_IP_PRI_*
};

/// One statement of a rule, as nft(8) would show it.
struct Statement {
  enum class Kind : std::uint8_t {
    IfnameStarts,          // iifname "TEXT*"
    OutIfnameStarts,       // oifname "TEXT*"
    InGroup,               // iifgroup NUMBER (since Linux 5.7 also behind the routing decision)
    ReversePathMissing,    // fib saddr . iif oif missing
    FamilyIs,              // meta nfproto ipv4|ipv6
    SourceWithin,          // ip saddr PREFIX
    DestinationWithin,     // ip daddr PREFIX
    DestinationNotWithin,  // ip daddr != PREFIX
    Counter,
    Drop,
    Return,
    Masquerade,  // with a source port of its own for every connection: fully-random
  };
  Kind kind;
  std::string text;
  Prefix prefix;
  std::uint32_t number = 0;
};

struct Rule {
  std::string chain;
  std::vector<Statement> statements;
};

/// A whole table of family inet. `version` is the table's comment: it tells ours from another's and an older build's,
/// people see it, and `nft list ruleset` with `nft -f` brings it back. The kernel keeps it since Linux 5.10: before,
/// what was installed reads back as somebody else's.
struct Table {
  std::string name;
  std::string version;
  std::vector<BaseChain> chains;
  std::vector<Rule> rules;
};

/// Whether the table is there with this version, every chain and every rule, and no other. Asks, changes nothing.
/// Error: CNI code 999 when a table of that name is there that we did not make (its comment is none of ours).
Result<bool> table_is_current(Socket& netfilter, const Table& table);
/// Whether the table is there, with this version, and has at least these rules in this order. Otherwise as the above.
Result<bool> table_has_rules(Socket& netfilter, const Table& table);
/// Puts the table in place in one transaction, instead of an older one of that name.
Status install_table(Socket& netfilter, const Table& table);
/// What a table is known by, without what is in it.
struct TableMark {
  std::string name;
  std::string version;
};
/// Every table of family inet, whosesoever.
Result<std::vector<TableMark>> list_tables(Socket& netfilter);
/// Success when there is none.
Status remove_table(Socket& netfilter, std::string_view name);

}  // namespace slash32::netlink
