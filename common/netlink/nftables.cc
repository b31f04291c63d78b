#include "common/netlink/nftables.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace slash32::netlink {
namespace {

constexpr std::uint32_t kNetworkHeaderSource4 = 12;  // RFC 791 section 3.1
constexpr std::uint32_t kNetworkHeaderDestination4 = 16;
constexpr std::uint32_t kNetworkHeaderSource6 = 8;  // RFC 8200 section 3
constexpr std::uint32_t kNetworkHeaderDestination6 = 24;

constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

nfgenmsg header(std::uint8_t family = NFPROTO_INET, std::uint16_t resource_big_endian = 0) {
  nfgenmsg out{};
  out.nfgen_family = family;
  out.version = NFNETLINK_V0;
  out.res_id = resource_big_endian;
  return out;
}

Request bracket(const char* what, std::uint16_t type) {
  return {what, type, 0, header(NFPROTO_UNSPEC, __builtin_bswap16(NFNL_SUBSYS_NFTABLES))};
}

Request table_request(const std::string& what, int message, std::uint16_t flags, const Table& table) {
  Request request(what, message_type(message), static_cast<std::uint16_t>(NLM_F_ACK | flags), header());
  request.put_text(NFTA_TABLE_NAME, table.name);
  return request;
}

// ---- expressions: each a list element {name, data}

void open_expression(Request& request, std::string_view name) {
  request.open(NFTA_LIST_ELEM);
  request.put_text(NFTA_EXPR_NAME, name);
  request.open(NFTA_EXPR_DATA);
}

void close_expression(Request& request) {
  request.close();
  request.close();
}

void put_value(Request& request, int attribute, std::span<const std::uint8_t> value) {
  request.open(attribute);
  request.put(NFTA_DATA_VALUE, value);
  request.close();
}

void put_meta(Request& request, std::uint32_t key) {
  open_expression(request, "meta");
  request.put_be32(NFTA_META_KEY, key);
  request.put_be32(NFTA_META_DREG, NFT_REG_1);
  close_expression(request);
}

void put_compare(Request& request, std::uint32_t op, std::span<const std::uint8_t> value) {
  open_expression(request, "cmp");
  request.put_be32(NFTA_CMP_SREG, NFT_REG_1);
  request.put_be32(NFTA_CMP_OP, op);
  put_value(request, NFTA_CMP_DATA, value);
  close_expression(request);
}

void put_family(Request& request, AddressFamily family) {
  put_meta(request, NFT_META_NFPROTO);
  const std::uint8_t number = family == AddressFamily::IPv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  put_compare(request, NFT_CMP_EQ, {&number, 1});
}

void put_reverse_path_missing(Request& request) {
  open_expression(request, "fib");
  request.put_be32(NFTA_FIB_DREG, NFT_REG_1);
  request.put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIF);
  request.put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT);
  close_expression(request);
  const std::array<std::uint8_t, 4> absent{};  // the register's whole width
  put_compare(request, NFT_CMP_EQ, absent);
}

void put_mask(Request& request, const Prefix& prefix) {
  const auto size = prefix.address().bytes().size();
  std::vector<std::uint8_t> mask(size);
  for (std::size_t bit = 0; bit < prefix.length(); ++bit)
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  const std::vector<std::uint8_t> zero(size);
  open_expression(request, "bitwise");
  request.put_be32(NFTA_BITWISE_SREG, NFT_REG_1);
  request.put_be32(NFTA_BITWISE_DREG, NFT_REG_1);
  request.put_be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(size));
  put_value(request, NFTA_BITWISE_MASK, mask);
  put_value(request, NFTA_BITWISE_XOR, zero);
  close_expression(request);
}

/// Compares the part of an address that `prefix` fixes: whole bytes as they are, as nft(8) does it, so that a table it
/// saved and restored is still the same; byte by byte under a mask where the prefix ends within one.
void put_prefix(Request& request, std::uint32_t offset, std::uint32_t op, const Prefix& prefix) {
  const bool whole = prefix.length() % 8 == 0 && prefix.length() != 0;
  const auto size = whole ? prefix.length() / 8U : prefix.address().bytes().size();
  open_expression(request, "payload");
  request.put_be32(NFTA_PAYLOAD_DREG, NFT_REG_1);
  request.put_be32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  request.put_be32(NFTA_PAYLOAD_OFFSET, offset);
  request.put_be32(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(size));
  close_expression(request);
  if (!whole) put_mask(request, prefix);
  put_compare(request, op, prefix.address().bytes().first(size));
}

void put_verdict(Request& request, std::uint32_t verdict) {
  open_expression(request, "immediate");
  request.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  request.open(NFTA_IMMEDIATE_DATA);
  request.open(NFTA_DATA_VERDICT);
  request.put_be32(NFTA_VERDICT_CODE, verdict);
  request.close();
  request.close();
  close_expression(request);
}

/// The name, but for the wildcard behind it.
void put_name(Request& request, std::uint32_t key, const std::string& name) {
  put_meta(request, key);
  put_compare(request, NFT_CMP_EQ, {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
}

void put_group(Request& request, std::uint32_t group) {
  put_meta(request, NFT_META_IIFGROUP);
  std::array<std::uint8_t, sizeof group> number{};  // as the kernel has it: in the machine's own order
  std::memcpy(number.data(), &group, sizeof group);
  put_compare(request, NFT_CMP_EQ, number);
}

/// A random port keeps two connections from asking for the same one at once, where the second's first packet is lost.
void put_masquerade(Request& request) {
  open_expression(request, "masq");
  request.put_be32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
  close_expression(request);
}

void put_bare(Request& request, std::string_view name) {
  open_expression(request, name);
  close_expression(request);
}

void put_statement(Request& request, const Statement& statement) {
  const bool v4 = statement.prefix.family() == AddressFamily::IPv4;
  switch (statement.kind) {
    case Statement::Kind::IfnameStarts:
      return put_name(request, NFT_META_IIFNAME, statement.text);
    case Statement::Kind::OutIfnameStarts:
      return put_name(request, NFT_META_OIFNAME, statement.text);
    case Statement::Kind::InGroup:
      return put_group(request, statement.number);
    case Statement::Kind::ReversePathMissing:
      return put_reverse_path_missing(request);
    case Statement::Kind::FamilyIs:
      return put_family(request, statement.prefix.family());
    case Statement::Kind::SourceWithin:
      return put_prefix(request, v4 ? kNetworkHeaderSource4 : kNetworkHeaderSource6, NFT_CMP_EQ, statement.prefix);
    case Statement::Kind::DestinationWithin:
      return put_prefix(request, v4 ? kNetworkHeaderDestination4 : kNetworkHeaderDestination6, NFT_CMP_EQ,
                        statement.prefix);
    case Statement::Kind::DestinationNotWithin:
      return put_prefix(request, v4 ? kNetworkHeaderDestination4 : kNetworkHeaderDestination6, NFT_CMP_NEQ,
                        statement.prefix);
    case Statement::Kind::Counter:
      return put_bare(request, "counter");
    case Statement::Kind::Drop:
      return put_verdict(request, NF_DROP);
    case Statement::Kind::Return:
      return put_verdict(request, static_cast<std::uint32_t>(NFT_RETURN));
    case Statement::Kind::Masquerade:
      return put_masquerade(request);
  }
}

Request chain_request(const Table& table, const BaseChain& chain) {
  Request request("add nftables chain " + chain.name, message_type(NFT_MSG_NEWCHAIN), NLM_F_ACK | NLM_F_CREATE,
                  header());
  request.put_text(NFTA_CHAIN_TABLE, table.name);
  request.put_text(NFTA_CHAIN_NAME, chain.name);
  request.open(NFTA_CHAIN_HOOK);
  request.put_be32(NFTA_HOOK_HOOKNUM, static_cast<std::uint32_t>(chain.hook));
  request.put_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
  request.close();
  request.put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  request.put_text(NFTA_CHAIN_TYPE, chain.type);
  return request;
}

/// Hundreds of acknowledgements would not fit into the socket's buffer: the last rule's is enough, since one that is
/// refused answers in any case, and before it.
Request rule_request(const Table& table, const Rule& rule, bool acknowledged) {
  Request request("add an nftables rule to chain " + rule.chain, message_type(NFT_MSG_NEWRULE),
                  static_cast<std::uint16_t>((acknowledged ? NLM_F_ACK : 0) | NLM_F_CREATE | NLM_F_APPEND), header());
  request.put_text(NFTA_RULE_TABLE, table.name);
  request.put_text(NFTA_RULE_CHAIN, rule.chain);
  request.open(NFTA_RULE_EXPRESSIONS);
  for (const auto& statement : rule.statements) put_statement(request, statement);
  request.close();
  return request;
}

struct Expression {
  std::string name;
  std::span<const std::uint8_t> data;
};

/// The elements of NFTA_RULE_EXPRESSIONS, in order (Attributes keeps the last of a number only).
std::vector<Expression> expressions_of(std::span<const std::uint8_t> list) {
  std::vector<Expression> out;
  while (list.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, list.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > list.size()) break;
    const Attributes element(list.subspan(sizeof header, header.nla_len - sizeof header));
    out.push_back({.name = element.text(NFTA_EXPR_NAME), .data = element.get(NFTA_EXPR_DATA)});
    list = list.subspan(std::min<std::size_t>(list.size(), NLA_ALIGN(header.nla_len)));
  }
  return out;
}

/// Whether every attribute of `wanted` is in `actual` with the same value: the kernel adds some of its own (a counter's
/// numbers). Nests are told by their flag, which we set.
bool has_all(std::span<const std::uint8_t> actual, std::span<const std::uint8_t> wanted) {
  const Attributes there(actual);
  while (wanted.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, wanted.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > wanted.size()) return false;
    const auto value = wanted.subspan(sizeof header, header.nla_len - sizeof header);
    const int number = header.nla_type & NLA_TYPE_MASK;
    const auto found = there.get(number);
    const bool same = (header.nla_type & NLA_F_NESTED) != 0 ? has_all(found, value) : std::ranges::equal(found, value);
    if (!there.has(number) || !same) return false;
    wanted = wanted.subspan(std::min<std::size_t>(wanted.size(), NLA_ALIGN(header.nla_len)));
  }
  return true;
}

bool same_rule(const Attributes& actual, const Attributes& wanted) {
  if (actual.text(NFTA_RULE_CHAIN) != wanted.text(NFTA_RULE_CHAIN)) return false;
  const auto there = expressions_of(actual.get(NFTA_RULE_EXPRESSIONS));
  const auto meant = expressions_of(wanted.get(NFTA_RULE_EXPRESSIONS));
  return std::ranges::equal(there, meant, [](const Expression& a, const Expression& b) {
    return a.name == b.name && has_all(a.data, b.data);
  });
}

/// Every rule of the table, chain by chain, in order.
Result<std::vector<Reply>> list_rules(Socket& netfilter, const Table& table) {
  std::vector<Reply> found;
  const auto make = [&] {
    Request request("list the rules of nftables table " + table.name, message_type(NFT_MSG_GETRULE), NLM_F_DUMP,
                    header());
    request.put_text(NFTA_RULE_TABLE, table.name);
    return request;
  };
  TRY(netfilter.dump(
      make, [&] { found.clear(); },
      [&](const Reply& reply) {
        // Kernels that do not know the filter send all tables' rules.
        if (reply.attributes(sizeof(nfgenmsg)).text(NFTA_RULE_TABLE) == table.name) found.push_back(reply);
      }));
  return found;
}

/// Against ours as we would send it.
bool is_rule(const Reply& reply, const Table& table, const Rule& rule) {
  auto request = rule_request(table, rule, false);
  const auto wanted = request.finish(0).subspan(sizeof(nlmsghdr) + sizeof(nfgenmsg));
  return same_rule(reply.attributes(sizeof(nfgenmsg)), Attributes(wanted));
}

/// A comment as nft(8) keeps it in a table's user data: elements of a type, a length and a text that ends with 0.
constexpr std::uint8_t kComment = 0;  // NFTNL_UDATA_TABLE_COMMENT

std::vector<std::uint8_t> comment(const std::string& text) {
  std::vector<std::uint8_t> out{kComment, static_cast<std::uint8_t>(text.size() + 1)};
  out.insert(out.end(), text.begin(), text.end());
  out.push_back(0);
  return out;
}

/// The comment in a table's user data; what is there as it is when it is no such list: as 0.1.0 wrote its mark.
std::string comment_of(std::span<const std::uint8_t> data) {
  std::string whole(data.begin(), data.end());
  while (data.size() >= 2 && data.size() - 2 >= data[1]) {
    const auto value = data.subspan(2, data[1]);
    if (data[0] == kComment && !value.empty()) return {value.begin(), value.end() - 1};
    data = data.subspan(2U + data[1]);
  }
  return whole;
}

/// "slash32 " of "slash32 1": what every version of ours begins with.
std::string_view owner_of(std::string_view version) { return version.substr(0, version.rfind(' ') + 1); }

/// Whether the table is there with this version and as many chains.
Result<bool> table_stands(Socket& netfilter, const Table& table) {
  const auto what = "look up nftables table " + table.name;
  const auto answer = TRY(netfilter.ask(table_request(what, NFT_MSG_GETTABLE, 0, table)));
  if (answer.error == ENOENT) return false;
  if (answer.error != 0) return fail(refusal(what, answer));
  for (const auto& reply : answer.replies) {
    const auto attributes = reply.attributes(sizeof(nfgenmsg));
    const auto version = comment_of(attributes.get(NFTA_TABLE_USERDATA));
    if (owner_of(version) != owner_of(table.version))
      return fail(999, "table inet " + table.name + " is not ours: remove it with nft delete table inet " + table.name,
                  version.empty() ? "it has no comment; one of ours has, which the kernel keeps since Linux 5.10" : "");
    return version == table.version && attributes.be32(NFTA_TABLE_USE) == table.chains.size();
  }
  return false;
}

}  // namespace

Result<bool> table_is_current(Socket& netfilter, const Table& table) {
  if (!TRY(table_stands(netfilter, table))) return false;
  const auto rules = TRY(list_rules(netfilter, table));
  return std::ranges::equal(rules, table.rules,
                            [&](const Reply& reply, const Rule& rule) { return is_rule(reply, table, rule); });
}

Result<bool> table_has_rules(Socket& netfilter, const Table& table) {
  if (!TRY(table_stands(netfilter, table))) return false;
  auto wanted = table.rules.begin();
  for (const auto& reply : TRY(list_rules(netfilter, table)))
    if (wanted != table.rules.end() && is_rule(reply, table, *wanted)) ++wanted;
  return wanted == table.rules.end();
}

Status install_table(Socket& netfilter, const Table& table) {
  std::vector<Request> batch;
  batch.push_back(bracket("begin an nftables transaction", NFNL_MSG_BATCH_BEGIN));
  // Deleting needs the table to exist: making it first, without NLM_F_EXCL, is harmless when it does. It carries our
  // mark as well, since another ADD can see it for a moment while the transaction is committed.
  auto prepare = table_request("prepare nftables table " + table.name, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
  prepare.put(NFTA_TABLE_USERDATA, comment(table.version));
  batch.push_back(std::move(prepare));
  batch.push_back(table_request("clear nftables table " + table.name, NFT_MSG_DELTABLE, 0, table));
  auto add = table_request("add nftables table " + table.name, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, table);
  add.put(NFTA_TABLE_USERDATA, comment(table.version));
  batch.push_back(std::move(add));
  for (const auto& chain : table.chains) batch.push_back(chain_request(table, chain));
  for (std::size_t i = 0; i < table.rules.size(); ++i)
    batch.push_back(rule_request(table, table.rules[i], i + 1 == table.rules.size()));
  batch.push_back(bracket("end an nftables transaction", NFNL_MSG_BATCH_END));
  return netfilter.run(batch);
}

Result<std::vector<TableMark>> list_tables(Socket& netfilter) {
  std::vector<TableMark> found;
  const auto make = [] {
    return Request("list nftables tables", message_type(NFT_MSG_GETTABLE), NLM_F_DUMP, header());
  };
  TRY(netfilter.dump(
      make, [&] { found.clear(); },
      [&](const Reply& reply) {
        const auto attributes = reply.attributes(sizeof(nfgenmsg));
        found.push_back(
            {.name = attributes.text(NFTA_TABLE_NAME), .version = comment_of(attributes.get(NFTA_TABLE_USERDATA))});
      }));
  return found;
}

Status remove_table(Socket& netfilter, std::string_view name) {
  const Table table{.name = std::string(name), .version = {}, .chains = {}, .rules = {}};
  std::vector<Request> batch;
  batch.push_back(bracket("begin an nftables transaction", NFNL_MSG_BATCH_BEGIN));
  batch.push_back(table_request("remove nftables table " + table.name, NFT_MSG_DELTABLE, 0, table));
  batch.push_back(bracket("end an nftables transaction", NFNL_MSG_BATCH_END));
  const auto answers = TRY(netfilter.exchange(batch));
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i].error != 0 && answers[i].error != ENOENT) return fail(refusal(batch[i].what(), answers[i]));
  return ok();
}

}  // namespace slash32::netlink
