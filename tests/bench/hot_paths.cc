// The hot paths of the speaker, one after the other, so that callgrind counts the instructions of each alone: decoding,
// taking routes in, deciding, encoding, and planning what the kernel is to have; for a table that is announced, changed
// by a better neighbour, withdrawn in another order, and lost with its session. test_hot_paths.py compares the counts
// with those on record. Prints CPU milliseconds for who runs it by hand.
//
//   hot_paths [4|6 [PREFIXES [SETS]]]
#include <sys/resource.h>
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bgpd/fib/fib_table.h"
#include "bgpd/rib/rib.h"
#include "bgpd/wire/header.h"
#include "bgpd/wire/update.h"

namespace {

using namespace slash32;
using namespace slash32::bgp;

constexpr PeerId kSource = 1, kBetter = 2, kSink = 3;
constexpr std::size_t kChunk = 64 << 10;  // octets a session takes at once
constexpr std::size_t kATurn = 1000;      // prefixes
constexpr std::size_t kBatch = 64;        // writes into the kernel

/// SplitMix64: the same numbers everywhere.
class Random {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t end) { return next() % end; }

 private:
  std::uint64_t state_ = 1;
};

struct Workload {
  AddressFamily family = AddressFamily::IPv4;
  std::vector<Prefix> prefixes;
  std::size_t sets = 1;
};

Prefix prefix_of(AddressFamily family, std::uint32_t i) {
  if (family == AddressFamily::IPv4) return {IpAddress::v4(0x14000000 + (i << 8)), static_cast<std::uint8_t>(24)};
  std::array<std::uint8_t, 16> bytes{0x2a, 0x00};
  for (std::size_t k = 0; k < 4; ++k) bytes.at(2 + k) = static_cast<std::uint8_t>(i >> (24 - 8 * k));
  return {IpAddress::v6(bytes), 48};
}

Workload workload(AddressFamily family, std::size_t count, std::size_t sets) {
  Workload out{family, {}, sets};
  for (std::uint32_t i = 0; i < count; ++i) out.prefixes.push_back(prefix_of(family, i));
  return out;
}

IpAddress address_of(AddressFamily family, std::uint8_t host) {
  if (family == AddressFamily::IPv4) return IpAddress::v4(0xc0000200U + host);
  std::array<std::uint8_t, 16> bytes{0xfd, 0x09};
  bytes.back() = host;
  return IpAddress::v6(bytes);
}

RibPeer peer(AddressFamily family, PeerId id) {
  RibPeer peer;
  peer.name = std::to_string(id);
  peer.external = true;
  peer.local_as = Asn{64512};
  peer.remote_as = Asn{65000 + id};
  peer.remote_id = RouterId{id};
  peer.address = address_of(family, static_cast<std::uint8_t>(id));
  peer.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  peer.local_v4 = address_of(AddressFamily::IPv4, 254);
  peer.local_v6 = address_of(AddressFamily::IPv6, 254);
  peer.import_policies = peer.export_policies = std::vector<std::string>{"all"};
  return peer;
}

RibSettings settings() {
  RibSettings settings;
  settings.local_as = Asn{64512};
  settings.router_id = settings.cluster_id = RouterId{1};
  config::PolicyTerm accept;
  accept.then = config::PolicyOutcome::Accept;
  settings.policies["all"] = {accept};
  return settings;
}

using Bytes = std::vector<std::uint8_t>;

// The whole table as a neighbour says it; a path of `hops` AS numbers.
Bytes announcements(const Workload& of, PeerId from, std::size_t hops) {
  Bytes out;
  const std::size_t each = of.prefixes.size() / of.sets;
  for (std::size_t set = 0; set < of.sets; ++set) {
    PathAttributes attributes;
    std::vector<Asn> path{Asn{65000 + from}};
    while (path.size() < hops) path.emplace_back(100000 + static_cast<std::uint32_t>(set + path.size()));
    attributes.as_path.segments.push_back({SegmentType::AsSequence, path});
    attributes.next_hop = address_of(of.family, static_cast<std::uint8_t>(from));
    attributes.communities = {0x00010001, static_cast<Community>(set)};
    const auto block = encode_attribute_block(attributes, of.family, {});
    const std::size_t end = set + 1 == of.sets ? of.prefixes.size() : (set + 1) * each;
    const auto prefixes = std::span{of.prefixes}.subspan(set * each, end - set * each);
    if (!block || !encode_announcements(*block, prefixes, kMaxMessageSize, out)) std::abort();
  }
  return out;
}

Bytes withdrawals(const Workload& of) {
  auto order = of.prefixes;
  Random random;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Bytes out;
  encode_withdrawals(order, of.family, kMaxMessageSize, out);
  return out;
}

struct World {
  Rib rib{settings(), [](const NextHop&) { return NextHopState{true, IfIndex{2}, 0}; }};
  NextHopSets sets;
  FibTable fib{sets, 1};
};

using Updates = std::vector<Update>;

// ---------------------------------------------------------------- what is counted

void decode(const Bytes& stream, PeerId from, Updates& out) {
  DecodeContext context;
  context.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  context.first_as = Asn{65000 + from};
  for (auto rest = std::span{stream}; !rest.empty();) {
    const auto header = decode_header(rest.first<kHeaderSize>());
    if (!header) std::abort();
    auto update = decode_update(rest.subspan(kHeaderSize, header->size - kHeaderSize), context);
    if (!update) std::abort();
    out.push_back(*std::move(update));
    rest = rest.subspan(header->size);
  }
}

void take_in(World& world, PeerId from, const Updates& updates) {
  for (const Update& update : updates) (void)world.rib.update(from, update);
}

void decide(World& world) {
  while (world.rib.run(kATurn)) {
  }
}

std::size_t encode(World& world) {
  std::size_t octets = 0;
  while (world.rib.has_output(kSink)) octets += world.rib.take_output(kSink, kChunk).bytes.size();
  return octets;
}

std::size_t plan(World& world) {
  for (FibDelta& delta : world.rib.take_fib_deltas()) world.fib.want(std::move(delta));
  std::size_t writes = 0;
  while (world.fib.has_work())
    for (const FibOp& op : world.fib.next(kBatch)) {
      world.fib.done(op, 0);
      ++writes;
    }
  return writes;
}

// ---------------------------------------------------------------- counting

double cpu_milliseconds() {
  rusage usage{};
  (void)getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/// Runs a step; its instructions are a dump of callgrind's, named "ACT STEP". Without callgrind that costs nothing.
template <class Step>
void counted(const char* act, const char* step, Step run) {
  const std::string name = std::string{act} + " " + step;
  const double before = cpu_milliseconds();
  CALLGRIND_ZERO_STATS;
  run();
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  std::printf("%-20s %9.2f ms\n", name.c_str(), cpu_milliseconds() - before);
}

void decide_and_tell(World& world, const char* act) {
  counted(act, "decide", [&] { decide(world); });
  counted(act, "encode", [&] { (void)encode(world); });
  counted(act, "plan", [&] { (void)plan(world); });
}

void hear(World& world, const char* act, PeerId from, const Bytes& stream) {
  Updates updates;
  counted(act, "decode", [&] { decode(stream, from, updates); });
  counted(act, "take_in", [&] { take_in(world, from, updates); });
  decide_and_tell(world, act);
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? std::strtoul(argv[at], nullptr, 10) : otherwise;
  };
  const auto family = number(1, 4) == 6 ? AddressFamily::IPv6 : AddressFamily::IPv4;
  const std::size_t prefixes = number(2, 20000);
  const Workload table = workload(family, prefixes, number(3, prefixes / 10));
  World world;
  for (const PeerId id : {kSource, kBetter, kSink}) world.rib.peer_up(id, peer(family, id), {});
  hear(world, "announce", kSource, announcements(table, kSource, 4));
  hear(world, "change", kBetter, announcements(table, kBetter, 2));
  hear(world, "fallback", kBetter, withdrawals(table));
  hear(world, "withdraw", kSource, withdrawals(table));
  if (world.rib.prefixes() != 0 || world.fib.counts().in_kernel != 0) return EXIT_FAILURE;
  hear(world, "again", kSource, announcements(table, kSource, 4));
  counted("lose", "take_in", [&] { world.rib.peer_down(kSource, {}); });
  decide_and_tell(world, "lose");
  return world.rib.prefixes() == 0 && world.fib.counts().in_kernel == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
