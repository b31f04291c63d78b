#include "bgpd/fib/forward_drop.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace slash32::bgp {
namespace {

using Kind = netlink::Statement::Kind;
using netlink::Statement;

constexpr std::string_view kTable = "slash32-unused";
constexpr std::string_view kVersion = "slash32 unused 1";
constexpr std::string_view kChain = "unused-addresses";
constexpr std::int32_t kBehindFilters = 10;  // NF_IP_PRI_FILTER is 0
constexpr TableId kMain{254};
constexpr std::chrono::seconds kPatience{5};  // kube-proxy's own transactions keep others waiting
constexpr std::chrono::seconds kAudit{60};
constexpr std::chrono::seconds kRetry{10};

Statement statement(Kind kind, const Prefix& prefix = {}) { return {.kind = kind, .text = {}, .prefix = prefix}; }

netlink::Rule drop(const Prefix& prefix) {
  return {.chain = std::string(kChain),
          .statements = {statement(Kind::FamilyIs, prefix), statement(Kind::DestinationWithin, prefix),
                         statement(Kind::Counter), statement(Kind::Drop)}};
}

}  // namespace

netlink::Table forward_drop_table(TableId table, std::span<const Prefix> prefixes) {
  netlink::Table out{.name = std::string(kTable) + (table == kMain ? "" : "-" + std::to_string(table.value)),
                     .version = std::string(kVersion),
                     .chains = {{.name = std::string(kChain),
                                 .type = "filter",
                                 .hook = netlink::Hook::Forward,
                                 .priority = kBehindFilters}},
                     .rules = {}};
  for (const auto& prefix : prefixes) out.rules.push_back(drop(prefix));
  return out;
}

std::vector<Prefix> without_covered(std::vector<Prefix> prefixes) {
  std::ranges::sort(prefixes);  // what a prefix covers comes right behind it
  std::vector<Prefix> out;
  for (const auto& prefix : prefixes)
    if (out.empty() || !out.back().contains(prefix)) out.push_back(prefix);
  return out;
}

void ForwardDrop::want(std::vector<Prefix> prefixes) {
  auto wanted = without_covered(std::move(prefixes));
  left_out_ = wanted.size() - std::min(wanted.size(), kMaxForwardDrops);
  wanted.resize(wanted.size() - left_out_);
  if (std::exchange(ordered_, true) && wanted == wanted_ && trouble_.empty()) return;
  wanted_ = std::move(wanted);
  ever_wanted_ |= !wanted_.empty();
  due_ = Instant{};  // at once
}

void ForwardDrop::on_time(Instant now) {
  if (!due_ || now < *due_) return;
  const auto done = wanted_.empty() ? take_away() : put_in_place();
  trouble_ = done ? std::string{} : done.error().message;
  if (done && left_out_ > 0)
    trouble_ = std::to_string(left_out_) + " prefixes are left out: at most " + std::to_string(kMaxForwardDrops) +
               " are dropped";
  due_ = now + (done ? kAudit : kRetry);
  if (done && wanted_.empty()) due_.reset();
}

Status ForwardDrop::put_in_place() {
  auto netfilter = TRY(netlink::Socket::open(netlink::Family::Netfilter, kPatience));
  const auto table = forward_drop_table(table_, wanted_);
  if (TRY(netlink::table_is_current(netfilter, table))) return ok();
  return netlink::install_table(netfilter, table);
}

/// Where the kernel shows us no tables (it has none, or we lack the right), there is none that we made either, unless
/// it was in this life.
Status ForwardDrop::take_away() {
  const auto table = forward_drop_table(table_, {});
  auto netfilter = netlink::Socket::open(netlink::Family::Netfilter, kPatience);
  if (!netfilter) return ever_wanted_ ? Status(std::unexpected(netfilter.error())) : ok();
  const auto tables = netlink::list_tables(*netfilter);
  if (!tables) return ever_wanted_ ? Status(std::unexpected(tables.error())) : ok();
  const auto is_ours = [&](const netlink::TableMark& one) {
    return one.name == table.name && one.version.starts_with(kVersion.substr(0, kVersion.rfind(' ') + 1));
  };
  if (std::ranges::none_of(*tables, is_ours)) return ok();
  return netlink::remove_table(*netfilter, table.name);
}

void ForwardDrop::remove() {
  ordered_ = false;  // looks, whatever is thought to stand
  want({});
  on_time(std::chrono::steady_clock::now());
  due_.reset();
}

}  // namespace slash32::bgp
