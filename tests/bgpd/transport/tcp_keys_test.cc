// TCP-AO (RFC 5925) as the kernel is asked for it: the layout of its interface, octet by octet, and what a kernel
// with it and one without it say. TCP-MD5's options: connection_test.cc, listener_test.cc.
#include "bgpd/transport/tcp_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "bgpd/transport/socket.h"
#include "common/fd.h"

namespace slash32::bgp {
namespace {

using testing::HasSubstr;

const AoKey kKey{.send_id = 7, .receive_id = 9, .algorithm = TcpAoAlgorithm::AesCmac, .secret = "s3cret"};

// linux/tcp.h of 6.7: struct tcp_ao_add is 288 octets, struct tcp_ao_del 144.
TEST(TcpAoAbi, EveryFieldStandsWhereTheKernelReadsIt) {
  EXPECT_EQ(offsetof(ao_abi::AddKey, algorithm), 128U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, interface), 192U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, flags), 196U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, prefix), 202U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, send_id), 203U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, receive_id), 204U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, mac_size), 205U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, key_flags), 206U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, key_size), 207U);
  EXPECT_EQ(offsetof(ao_abi::AddKey, key), 208U);
  EXPECT_EQ(offsetof(ao_abi::DelKey, interface), 128U);
  EXPECT_EQ(offsetof(ao_abi::DelKey, flags), 132U);
  EXPECT_EQ(offsetof(ao_abi::DelKey, prefix), 138U);
  EXPECT_EQ(offsetof(ao_abi::DelKey, current_key), 141U);
  EXPECT_EQ(offsetof(ao_abi::DelKey, rnext), 142U);
  EXPECT_EQ(offsetof(ao_abi::Info, current_key), 6U);
  EXPECT_EQ(offsetof(ao_abi::Info, rnext), 7U);
  EXPECT_EQ(offsetof(ao_abi::Info, good), 8U);
}

TEST(TcpAoAbi, TheNeighborIsAskedForAKeyByTheIdentifierThatWeReceive) {  // RFC 5925 section 7.5.2
  const auto out = ao_abi::ask_for(kKey);
  EXPECT_EQ(out.flags, ao_abi::kSetRnext);
  EXPECT_EQ(out.rnext, 9);
}

TEST(TcpAoAbi, AKeyHasPeerIdentifiersAlgorithmAndNinetySixBits) {  // RFC 5926 section 3.2
  const auto out = ao_abi::add_key(*Prefix::parse("10.1.0.0/16"), kKey);
  sockaddr_in peer{};
  std::memcpy(&peer, &out.address, sizeof peer);
  EXPECT_EQ(peer.sin_family, AF_INET);
  EXPECT_EQ(ntohl(peer.sin_addr.s_addr), 0x0A010000U);
  EXPECT_EQ(peer.sin_port, 0) << "any port";
  EXPECT_EQ(out.prefix, 16);
  EXPECT_EQ(out.send_id, 7);
  EXPECT_EQ(out.receive_id, 9);
  EXPECT_STREQ(out.algorithm, "cmac(aes128)");
  EXPECT_EQ(out.mac_size, 12);
  EXPECT_EQ(out.key_size, 6);
  EXPECT_EQ(std::memcmp(out.key, "s3cret", 7), 0);
  EXPECT_EQ(out.flags, 0U);
  EXPECT_EQ(out.interface, 0);
  auto sha1 = kKey;
  sha1.algorithm = TcpAoAlgorithm::HmacSha1;
  EXPECT_STREQ(ao_abi::add_key(*Prefix::parse("fd00::1/128"), sha1).algorithm, "hmac(sha1)");
}

TEST(TcpAoAbi, AKeyThatGoesNamesTheOneThatTakesItsPlace) {
  const AoKey next{.send_id = 1, .receive_id = 2, .secret = "x"};
  const auto alone = ao_abi::del_key(*Prefix::parse("10.1.0.1/32"), kKey, nullptr);
  EXPECT_EQ(alone.flags, 0U);
  EXPECT_EQ(alone.send_id, 7);
  EXPECT_EQ(alone.receive_id, 9);
  const auto replaced = ao_abi::del_key(*Prefix::parse("10.1.0.1/32"), kKey, &next);
  EXPECT_EQ(replaced.flags, ao_abi::kSetCurrent | ao_abi::kSetRnext);
  EXPECT_EQ(replaced.current_key, 1);
  EXPECT_EQ(replaced.rnext, 2);
}

/// A listener of this test's that listens, and what it was given.
struct KeyedListener {
  Result<UniqueFd> socket = listening();
  TcpKeys known;
  static Result<UniqueFd> listening() {
    const Endpoint local{IpAddress::v4(0x7F000001), 0};
    auto out = TRY(bind_listener(local));
    TRY(start_listening(out.get(), local));
    return out;
  }
  Status change(std::vector<AoKey> ao, const char* peer = "10.1.0.1/32") {
    TcpKeys keys;
    keys.ao = std::move(ao);
    return change_tcp_keys(socket->get(), *Prefix::parse(peer), known, keys);
  }
};

TEST(TcpKeys, AKernelWithoutTcpAoIsToldByNameAndNoKeyIsTaken) {
  KeyedListener listener;
  ASSERT_TRUE(listener.socket);
  const auto there = tcp_ao_is_there();
  const auto got = listener.change({kKey});
  ASSERT_EQ(there.has_value(), got.has_value()) << "what is said to be there can be had, and nothing else";
  if (there) return;
  EXPECT_THAT(there.error().message, HasSubstr("this kernel has no TCP-AO (CONFIG_TCP_AO, Linux 6.7)"));
  EXPECT_TRUE(listener.known.empty()) << "what is not there is not taken for there by the next change";
  EXPECT_THAT(got.error().message, HasSubstr("add a TCP-AO key for 10.1.0.1/32: "));
}

// Where the kernel has none, the test above says what it must: each step fails alike.
TEST(TcpKeys, AKeyTakesThePlaceOfAnotherThatSharesAnIdentifierWithIt) {  // RFC 5925 section 3.1
  KeyedListener listener;
  ASSERT_TRUE(listener.socket);
  const bool there = tcp_ao_is_there().has_value();
  auto key = kKey;
  EXPECT_EQ(listener.change({key}).has_value(), there);
  key.secret = "another";
  EXPECT_EQ(listener.change({key}).has_value(), there);
  key.receive_id = 10;
  EXPECT_EQ(listener.change({key}).has_value(), there);
  key.send_id = 8;
  EXPECT_EQ(listener.change({key}).has_value(), there);
  EXPECT_EQ(listener.known.ao.size(), there ? 1U : 0U);
  EXPECT_TRUE(listener.change({})) << "nothing is left";
}

TEST(TcpKeys, AKeyOfARangeThatTakesTheIdentifiersIsNamedAsTheReason) {
  KeyedListener listener;
  ASSERT_TRUE(listener.socket);
  const bool there = tcp_ao_is_there().has_value();
  EXPECT_EQ(listener.change({kKey}, "10.1.0.0/16").has_value(), there);
  listener.known = {};  // another peer's
  const auto got = listener.change({kKey});
  ASSERT_FALSE(got);
  if (there) {
    EXPECT_THAT(got.error().message,
                HasSubstr("sendId 7 or receiveId 9 is taken by a key of a prefix that overlaps it"));
  }
}

TEST(TcpKeys, AnMd5KeyIsSetReplacedAndRemovedAsBefore) {
  const auto listener = bind_listener({IpAddress::v4(0x7F000001), 0});
  ASSERT_TRUE(listener);
  const auto peer = *Prefix::parse("10.1.0.1/32");
  TcpKeys known;
  EXPECT_TRUE(change_tcp_keys(listener->get(), peer, known, TcpKeys{"one"}));
  EXPECT_TRUE(change_tcp_keys(listener->get(), peer, known, TcpKeys{"two"}));
  EXPECT_EQ(known, TcpKeys("two"));
  EXPECT_TRUE(change_tcp_keys(listener->get(), peer, known, {}));
  EXPECT_TRUE(change_tcp_keys(listener->get(), peer, known, {})) << "gone already";
}

}  // namespace
}  // namespace slash32::bgp
