// RFC 7606 section 7: each attribute malformed in each way, from an external and from an internal peer.
#include <gtest/gtest.h>

#include "tests/bgpd/wire/builders.h"

namespace slash32::bgp {
namespace {

using testing::Bytes;
using testing::hex;
using testing::operator+;
using testing::kNextHop;
using testing::kNlri;
using testing::kOrigin;
using testing::kPath;
using testing::kSound;

constexpr Verdict kAccept = Verdict::Accept;
constexpr Verdict kDiscard = Verdict::AttributeDiscard;
constexpr Verdict kWithdraw = Verdict::TreatAsWithdraw;
constexpr Verdict kReset = Verdict::SessionReset;

struct Case {
  const char* name;
  const char* clause;
  Bytes attributes;  // beside NLRI 10.244.1.0/24
  Verdict external;
  Verdict internal;
  std::uint8_t subcode = 0;  // of the NOTIFICATION, where there is one
};

Bytes plus(const char* attribute) { return kSound + hex(attribute); }
Bytes with_origin(const char* attribute) { return hex(attribute) + kPath + kNextHop; }
Bytes with_path(const char* attribute) { return kOrigin + hex(attribute) + kNextHop; }
Bytes with_next_hop(const char* attribute) { return kOrigin + kPath + hex(attribute); }

class Rfc7606_7 : public ::testing::TestWithParam<Case> {
 protected:
  static void expect(const DecodeContext& context, Verdict verdict) {
    const auto update = decode_update(testing::update(GetParam().attributes, kNlri), context);
    if (verdict == kReset) {
      ASSERT_FALSE(update) << GetParam().clause;
      EXPECT_EQ(update.error().code, 3) << GetParam().clause;
      EXPECT_EQ(update.error().subcode, GetParam().subcode) << GetParam().clause;
      return;
    }
    ASSERT_TRUE(update) << GetParam().clause;
    EXPECT_EQ(update->verdict, verdict) << GetParam().clause << ": " << update->complaint;
    EXPECT_EQ(update->complaint.empty(), verdict == kAccept);
    const bool withdrawn = verdict == kWithdraw;
    EXPECT_EQ(update->withdrawn.size(), withdrawn ? 1U : 0U);
    EXPECT_EQ(update->announced.size(), withdrawn ? 0U : 1U);
  }
};
TEST_P(Rfc7606_7, FromAnExternalPeer) { expect(testing::ebgp(), GetParam().external); }
TEST_P(Rfc7606_7, FromAnInternalPeer) { expect(testing::ibgp(), GetParam().internal); }

// clang-format off
INSTANTIATE_TEST_SUITE_P(Origin, Rfc7606_7, ::testing::Values(
    Case{"origin_sound", "", kSound, kAccept, kAccept},
    Case{"origin_empty", "7.1", with_origin("40 01 00"), kWithdraw, kWithdraw},
    Case{"origin_two_octets", "7.1", with_origin("40 01 02 00 00"), kWithdraw, kWithdraw},
    Case{"origin_3", "7.1", with_origin("40 01 01 03"), kWithdraw, kWithdraw},
    Case{"origin_255", "7.1", with_origin("40 01 01 ff"), kWithdraw, kWithdraw},
    Case{"origin_optional", "3 c", with_origin("c0 01 01 00"), kWithdraw, kWithdraw},
    Case{"origin_not_transitive", "3 c", with_origin("00 01 01 00"), kWithdraw, kWithdraw},
    Case{"origin_extended_length", "RFC 4271 4.3", with_origin("50 01 00 01 00"), kAccept, kAccept},
    Case{"origin_unused_flag_bits", "RFC 4271 4.3", with_origin("4f 01 01 00"), kAccept, kAccept},
    Case{"origin_missing", "3 d", kPath + kNextHop, kWithdraw, kWithdraw},
    Case{"origin_twice", "3 g", kSound + kOrigin, kDiscard, kDiscard}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(AsPath, Rfc7606_7, ::testing::Values(
    Case{"path_empty", "5.1.2", with_path("40 02 00"), kAccept, kAccept},
    Case{"path_set", "4.3", with_path("40 02 06 01 01 0000fde9"), kAccept, kAccept},
    Case{"path_segment_type_0", "7.2", with_path("40 02 06 00 01 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_segment_type_5", "7.2", with_path("40 02 06 05 01 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_confederation_sequence", "RFC 5065 5", with_path("40 02 06 03 01 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_confederation_set", "RFC 5065 5", with_path("40 02 06 04 01 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_segment_empty", "7.2", with_path("40 02 02 02 00"), kWithdraw, kWithdraw},
    Case{"path_segment_runs_over", "7.2", with_path("40 02 06 02 02 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_one_octet_left", "7.2", with_path("40 02 07 02 01 0000fde9 02"), kWithdraw, kWithdraw},
    Case{"path_as_0", "RFC 7607", with_path("40 02 0a 02 02 0000fde9 00000000"), kWithdraw, kWithdraw},
    Case{"path_optional", "3 c", with_path("c0 02 06 02 01 0000fde9"), kWithdraw, kWithdraw},
    Case{"path_missing", "3 d", kOrigin + kNextHop, kWithdraw, kWithdraw},
    Case{"path_twice", "3 g", kSound + kPath, kDiscard, kDiscard}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(NextHop, Rfc7606_7, ::testing::Values(
    Case{"next_hop_3_octets", "7.3", with_next_hop("40 03 03 0a0000"), kWithdraw, kWithdraw},
    Case{"next_hop_5_octets", "7.3", with_next_hop("40 03 05 0a00000100"), kWithdraw, kWithdraw},
    Case{"next_hop_empty", "4", with_next_hop("40 03 00"), kWithdraw, kWithdraw},
    Case{"next_hop_0", "RFC 4271 6.3", with_next_hop("40 03 04 00000000"), kWithdraw, kWithdraw},
    Case{"next_hop_net_0", "RFC 4271 6.3", with_next_hop("40 03 04 00000001"), kWithdraw, kWithdraw},
    Case{"next_hop_loopback", "RFC 4271 6.3", with_next_hop("40 03 04 7f000001"), kWithdraw, kWithdraw},
    Case{"next_hop_multicast", "RFC 4271 6.3", with_next_hop("40 03 04 e0000001"), kWithdraw, kWithdraw},
    Case{"next_hop_class_e", "RFC 4271 6.3", with_next_hop("40 03 04 f0000001"), kWithdraw, kWithdraw},
    Case{"next_hop_broadcast", "RFC 4271 6.3", with_next_hop("40 03 04 ffffffff"), kWithdraw, kWithdraw},
    Case{"next_hop_missing", "3 d", kOrigin + kPath, kWithdraw, kWithdraw},
    Case{"next_hop_flags", "3 c", with_next_hop("80 03 04 0a000001"), kWithdraw, kWithdraw},
    Case{"next_hop_twice", "3 g", kSound + kNextHop, kDiscard, kDiscard}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(Numbers, Rfc7606_7, ::testing::Values(
    Case{"med_sound", "", plus("80 04 04 00000001"), kAccept, kAccept},
    Case{"med_3_octets", "7.4", plus("80 04 03 000001"), kWithdraw, kWithdraw},
    Case{"med_empty", "7.4", plus("80 04 00"), kWithdraw, kWithdraw},
    Case{"med_transitive", "3 c", plus("c0 04 04 00000001"), kWithdraw, kWithdraw},
    Case{"local_pref_sound", "7.5", plus("40 05 04 00000064"), kDiscard, kAccept},
    Case{"local_pref_5_octets", "7.5", plus("40 05 05 0000000064"), kDiscard, kWithdraw},
    Case{"local_pref_empty", "7.5", plus("40 05 00"), kDiscard, kWithdraw},
    Case{"local_pref_flags", "7.5, 3 c", plus("c0 05 04 00000064"), kDiscard, kWithdraw},
    Case{"atomic_aggregate_sound", "", plus("40 06 00"), kAccept, kAccept},
    Case{"atomic_aggregate_1_octet", "7.6", plus("40 06 01 00"), kDiscard, kDiscard},
    Case{"atomic_aggregate_flags", "3 c", plus("c0 06 00"), kWithdraw, kWithdraw},
    Case{"aggregator_sound", "", plus("c0 07 08 0000fde9 0a000001"), kAccept, kAccept},
    Case{"aggregator_6_octets", "7.7", plus("c0 07 06 fde9 0a000001"), kDiscard, kDiscard},
    Case{"aggregator_empty", "7.7", plus("c0 07 00"), kDiscard, kDiscard},
    Case{"aggregator_as_0", "RFC 7607", plus("c0 07 08 00000000 0a000001"), kDiscard, kDiscard},
    Case{"aggregator_flags", "3 c", plus("40 07 08 0000fde9 0a000001"), kWithdraw, kWithdraw}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(Communities, Rfc7606_7, ::testing::Values(
    Case{"communities_sound", "", plus("c0 08 08 fde90001 fde90002"), kAccept, kAccept},
    Case{"communities_empty", "7.8", plus("c0 08 00"), kWithdraw, kWithdraw},
    Case{"communities_5_octets", "7.8", plus("c0 08 05 fde9000100"), kWithdraw, kWithdraw},
    Case{"communities_flags", "3 c", plus("80 08 04 fde90001"), kWithdraw, kWithdraw},
    Case{"communities_partial", "RFC 4271 5", plus("e0 08 04 fde90001"), kAccept, kAccept},
    Case{"extended_sound", "", plus("c0 10 08 0002fde900000001"), kAccept, kAccept},
    Case{"extended_empty", "7.14", plus("c0 10 00"), kWithdraw, kWithdraw},
    Case{"extended_9_octets", "7.14", plus("c0 10 09 0002fde90000000100"), kWithdraw, kWithdraw},
    Case{"extended_flags", "3 c", plus("80 10 08 0002fde900000001"), kWithdraw, kWithdraw},
    Case{"ipv6_extended_sound", "", plus("c0 19 14 0002fde900000001000000000000000000000001"), kAccept, kAccept},
    Case{"ipv6_extended_empty", "7.15", plus("c0 19 00"), kWithdraw, kWithdraw},
    Case{"ipv6_extended_19_octets", "7.15", plus("c0 19 13 0002fde9000000010000000000000000000000"), kWithdraw, kWithdraw},
    Case{"large_sound", "", plus("c0 20 0c 0000fde9 00000001 00000002"), kAccept, kAccept},
    Case{"large_empty", "RFC 8092 6", plus("c0 20 00"), kWithdraw, kWithdraw},
    Case{"large_13_octets", "RFC 8092 6", plus("c0 20 0d 0000fde9 00000001 00000002 00"), kWithdraw, kWithdraw}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(Reflection, Rfc7606_7, ::testing::Values(
    Case{"originator_sound", "7.9", plus("80 09 04 0a000001"), kDiscard, kAccept},
    Case{"originator_5_octets", "7.9", plus("80 09 05 0a00000100"), kDiscard, kWithdraw},
    Case{"cluster_sound", "7.10", plus("80 0a 08 0a000001 0a000002"), kDiscard, kAccept},
    Case{"cluster_empty", "7.10", plus("80 0a 00"), kDiscard, kWithdraw},
    Case{"cluster_6_octets", "7.10", plus("80 0a 06 0a0000010a00"), kDiscard, kWithdraw}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(Multiprotocol, Rfc7606_7, ::testing::Values(
    Case{"mp_reach_next_hop_15", "7.11", plus("80 0e 14 0002 01 0f fd00000000000000000000000000 01 00"), kReset, kReset, 9},
    Case{"mp_reach_next_hop_4_for_ipv6", "7.11", plus("80 0e 09 0002 01 04 0a000001 00"), kReset, kReset, 9},
    Case{"mp_reach_next_hop_16_for_ipv4", "7.11", plus("80 0e 15 0001 01 10 fd000000000000000000000000000001 00"), kReset, kReset, 9},
    Case{"mp_reach_next_hop_passes_end", "7.11", plus("80 0e 05 0002 01 10 fd"), kReset, kReset, 9},
    Case{"mp_reach_4_octets", "7.11", plus("80 0e 04 0002 01 00"), kReset, kReset, 9},
    Case{"mp_reach_empty", "7.11", plus("80 0e 00"), kReset, kReset, 9},
    Case{"mp_reach_prefix_129", "5.3", plus("80 0e 16 0002 01 10 fd000000000000000000000000000001 00 81"), kReset, kReset, 9},
    Case{"mp_reach_prefix_cut_off", "5.3", plus("80 0e 17 0002 01 10 fd000000000000000000000000000001 00 40 fd"), kReset, kReset, 9},
    Case{"mp_reach_twice", "3 g", kSound + testing::kReach6 + testing::kReach6, kReset, kReset, 1},
    Case{"mp_unreach_2_octets", "7.12", plus("80 0f 02 0002"), kReset, kReset, 9},
    Case{"mp_unreach_prefix_129", "5.3", plus("80 0f 04 0002 01 81"), kReset, kReset, 9},
    Case{"mp_unreach_twice", "3 g", kSound + testing::kUnreach6 + testing::kUnreach6, kReset, kReset, 1},
    Case{"mp_reach_of_an_unknown_family_is_ignored", "RFC 4760 6", plus("80 0e 09 0019 46 04 0a000001 00"), kAccept, kAccept}),
    [](const auto& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(Unknown, Rfc7606_7, ::testing::Values(
    Case{"unknown_transitive", "RFC 4271 5", plus("c0 63 02 abcd"), kAccept, kAccept},
    Case{"unknown_transitive_empty", "RFC 4271 5", plus("c0 63 00"), kAccept, kAccept},
    Case{"unknown_non_transitive", "RFC 4271 5", plus("80 63 02 abcd"), kAccept, kAccept},
    Case{"unknown_well_known", "RFC 4271 6.3", plus("40 63 02 abcd"), kReset, kReset, 2},
    Case{"unknown_flags_0", "RFC 4271 6.3", plus("00 63 02 abcd"), kReset, kReset, 2},
    Case{"as4_path_from_four_octet_speaker", "RFC 6793 6", plus("c0 11 06 02 01 0000fde9"), kDiscard, kDiscard},
    Case{"as4_aggregator_from_four_octet_speaker", "RFC 6793 6", plus("c0 12 08 0000fde9 0a000001"), kDiscard, kDiscard},
    Case{"attribute_passes_the_end", "4", plus("c0 63 ff ab"), kWithdraw, kWithdraw},
    Case{"two_octets_left", "4", plus("c0 63"), kWithdraw, kWithdraw},
    Case{"extended_length_cut_off", "4", plus("d0 63 00"), kWithdraw, kWithdraw}),
    [](const auto& row) { return std::string{row.param.name}; });
// clang-format on

// RFC 2545 section 3: 16 octets, or 32 with a link-local address behind; speakers also send "::" before that one, it
// alone, or it twice. 12, 24 and 48 are those of VPN routes (RFC 4364, RFC 4659), which these are not.
TEST(Rfc2545_3, NextHopsOfEveryLengthAndFormThatIsSent) {
  const Bytes global = hex("fd000000000000000000000000000001"), link = hex("fe800000000000000000000000000002");
  const auto read = [](const Bytes& hop, std::uint8_t afi) {
    const Bytes head{0, afi, 1, static_cast<std::uint8_t>(hop.size())};
    const Bytes value = head + hop + (afi == 2 ? hex("00 30 fd0000100244") : hex("00 18 0af401"));
    return decode_update(
        testing::update(kOrigin + kPath + Bytes{0x80, 14, static_cast<std::uint8_t>(value.size())} + value),
        testing::ebgp());
  };
  struct Form {
    Bytes hop;
    const char* next_hop;
    const char* link_local;
  };
  const Form forms[] = {{global, "fd00::1", ""},
                        {global + link, "fd00::1", "fe80::2"},
                        {Bytes(16, 0) + link, "fe80::2", "fe80::2"},
                        {link + link, "fe80::2", "fe80::2"},
                        {link, "fe80::2", ""},
                        {global + global, "fd00::1", ""}};
  for (const Form& form : forms) {
    const auto update = read(form.hop, 2);
    ASSERT_TRUE(update) << form.next_hop;
    ASSERT_EQ(update->announced.size(), 1U);
    const auto& attributes = *update->announced[0].attributes;
    EXPECT_EQ(attributes.next_hop.to_string(), form.next_hop);
    EXPECT_EQ(attributes.link_local ? attributes.link_local->to_string() : "", form.link_local);
  }
  for (std::size_t size = 0; size <= 60; ++size) {
    EXPECT_EQ(read(Bytes(size, 1), 2).has_value(), size == 16 || size == 32) << size;
    EXPECT_EQ(read(Bytes(size, 1), 1).has_value(), size == 4) << size;
  }
}

}  // namespace
}  // namespace slash32::bgp
