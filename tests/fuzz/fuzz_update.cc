// Any bytes as the body of an UPDATE. What is accepted must come back the same when it is written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "bgpd/wire/iana.h"
#include "bgpd/wire/update.h"

namespace {

using namespace slash32;
using namespace slash32::bgp;

void check(bool fact) {
  if (!fact) std::abort();
}

void write_and_read(const Update::Reach& reach, const DecodeContext& context) {
  PathAttributes expected = *reach.attributes;
  if (!context.external && !expected.local_pref) expected.local_pref = 100;
  for (UnknownAttribute& u : expected.unknown) u.flags |= attribute_flag::kPartial;
  const AddressFamily family = reach.prefixes.front().family();
  const auto block = encode_attribute_block(expected, family, {context.four_octet_as, context.external});
  check(block.has_value());
  std::vector<std::uint8_t> out;
  // One path id a message: the first one's, of the first prefix alone.
  const bool ids = !reach.path_ids.empty();
  const std::span<const Prefix> prefixes{reach.prefixes.data(), ids ? 1 : reach.prefixes.size()};
  const auto path_id = ids ? std::optional{reach.path_ids.front()} : std::nullopt;
  const auto messages = encode_announcements(*block, prefixes, 65535, out, path_id);
  if (!messages || *messages != 1) return;  // grew: AS4_PATH, Extended Length
  const auto again = decode_update(std::span{out}.subspan(kHeaderSize), context);
  check(again && again->announced.size() == 1);
  check(std::ranges::equal(again->announced[0].prefixes, prefixes));
  check(again->announced[0].path_ids.size() == (ids ? 1 : 0) && (!ids || again->announced[0].path_ids[0] == *path_id));
  check(*again->announced[0].attributes == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  DecodeContext context;
  context.four_octet_as = (data[0] & 1) == 0;
  context.external = (data[0] & 2) == 0;
  context.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  if ((data[0] & 4) != 0) context.families.pop_back();
  if ((data[0] & 8) != 0) context.first_as = Asn{65001};
  context.extended_next_hop = (data[0] & 16) != 0;
  if ((data[0] & 32) != 0) context.add_path = {AddressFamily::IPv4, AddressFamily::IPv6};
  context.allow_as_set = (data[0] & 64) == 0;
  const auto update = decode_update({data + 1, size - 1}, context);
  if (!update) {
    check(update.error().code == 3);
    return 0;
  }
  check(update->verdict != Verdict::SessionReset);
  check((update->verdict == Verdict::Accept) == update->complaint.empty());
  check(update->verdict != Verdict::TreatAsWithdraw || update->announced.empty());
  check(update->withdrawn_path_ids.empty() || update->withdrawn_path_ids.size() == update->withdrawn.size());
  for (const Update::Reach& reach : update->announced)
    check(reach.path_ids.empty() || reach.path_ids.size() == reach.prefixes.size());
  for (const Update::Reach& reach : update->announced) write_and_read(reach, context);
  return 0;
}
