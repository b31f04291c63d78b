// How fast and how large the RIB is: one neighbour in, one out, N prefixes of N/10 attribute sets, as issue after issue
// measures it against other speakers. Prints CPU seconds for each step and the peak of memory beyond the start.
//
//   rib_bench [prefixes] [sets]
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "bgpd/rib/rib.h"

namespace {

using namespace slash32;
using namespace slash32::bgp;

// Of this process, so that a busy machine does not count.
double cpu_seconds() {
  rusage usage{};
  (void)getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double resident_mb(const char* field) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::strtod(line.c_str() + std::string{field}.size() + 1, nullptr) / 1024;
  return 0;
}

RibPeer peer(unsigned n) {
  RibPeer peer;
  peer.name = std::to_string(n);
  peer.external = true;
  peer.local_as = Asn{64512};
  peer.remote_as = Asn{65000 + n};
  peer.remote_id = RouterId{n};
  peer.address = IpAddress::v4(0xc0000200 + n);
  peer.families = {AddressFamily::IPv4, AddressFamily::IPv6};
  peer.local_v4 = IpAddress::v4(0xc00002fe);
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

Update update_of(std::size_t set, std::size_t first, std::size_t count) {
  auto attributes = std::make_shared<PathAttributes>();
  attributes->as_path.segments.push_back(
      {SegmentType::AsSequence, {Asn{65001}, Asn{100000 + static_cast<std::uint32_t>(set)}, Asn{70000}, Asn{70001}}});
  attributes->next_hop = IpAddress::v4(0xc0000201);
  attributes->communities = {0x00010001, static_cast<Community>(set)};
  Update update;
  update.announced.push_back({attributes, {}});
  for (std::size_t i = first; i < first + count; ++i)
    update.announced.back().prefixes.emplace_back(IpAddress::v4(static_cast<std::uint32_t>(0x14000000 + (i << 8))), 24);
  return update;
}

std::size_t drain(Rib& rib, PeerId id) {
  std::size_t messages = 0;
  while (rib.has_output(id)) messages += rib.take_output(id, 65536).messages;
  return messages;
}

void report(const char* what, double since, std::size_t messages) {
  std::printf("%-28s %7.3f s  %8zu messages  %7.1f MB\n", what, cpu_seconds() - since, messages, resident_mb("VmRSS:"));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t prefixes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100000;
  const std::size_t sets = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : prefixes / 10;
  const std::size_t per_set = prefixes / sets;
  const double base = resident_mb("VmRSS:");
  Rib rib{settings(), [](const NextHop&) { return NextHopState{true, IfIndex{2}, 0}; }};
  rib.peer_up(1, peer(1), {});
  rib.peer_up(2, peer(2), {});
  const auto turn = [&] {
    std::size_t messages = 0;
    while (rib.run(4096)) {
    }
    messages += drain(rib, 2);
    (void)rib.take_fib_deltas();
    return messages;
  };

  double start = cpu_seconds();
  std::size_t messages = 0;
  constexpr std::size_t kPerMessage = 800;  // routes that fit an UPDATE
  for (std::size_t set = 0; set < sets; ++set) {
    for (std::size_t done = 0; done < per_set; done += kPerMessage)
      (void)rib.update(1, update_of(set, set * per_set + done, std::min(kPerMessage, per_set - done)));
    if (set % 200 == 199 || per_set > kPerMessage) messages += turn();
  }
  messages += turn();
  report("announced, decided, sent", start, messages);

  start = cpu_seconds();
  rib.peer_up(3, peer(3), {});
  while (rib.run(4096)) {
  }
  report("a third neighbour's table", start, drain(rib, 3));

  start = cpu_seconds();
  rib.refresh(2, AddressFamily::IPv4);
  report("route refresh", start, drain(rib, 2));

  start = cpu_seconds();
  rib.peer_down(1, {});
  messages = turn() + drain(rib, 3);
  report("session lost", start, messages);
  std::printf("peak %.1f MB beyond the start's %.1f MB\n", resident_mb("VmHWM:") - base, base);
  return rib.prefixes() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
