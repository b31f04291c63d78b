// The tester of bgp-bench, one program with several parts to play; tests/bench/bgp-bench builds and drives it.
//   bgp_bench_peers peers KEY=VALUE…           the speaker's neighbours (peers.h)
//   bgp_bench_peers mesh KEY=VALUE…            a fleet of peers, each with routes of its own (mesh.h)
//   bgp_bench_peers relay KEY=VALUE…           a TCP relay in the speaker's place (relay.h)
//   bgp_bench_peers pods KEY=VALUE…            pods come and go on one node, and are looked for on another (pods.h)
//   bgp_bench_peers tell-pods KEY=VALUE…       two relays in the place of two nodes' speakers
//   bgp_bench_peers install-pods KEY=VALUE…
//   bgp_bench_peers kernel-fill KEY=VALUE…     bare netlink: the same routes into the kernel (kernel_routes.h)
//   bgp_bench_peers kernel-check KEY=VALUE…    a full dump of the kernel's routes, compared with what they must be
#include <string>

#include "tests/bench/bgpbench/peers/kernel_routes.h"
#include "tests/bench/bgpbench/peers/mesh.h"
#include "tests/bench/bgpbench/peers/peers.h"
#include "tests/bench/bgpbench/peers/pods.h"
#include "tests/bench/bgpbench/peers/relay.h"

int main(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  const bench::Options options{argc, argv};
  if (part == "peers")
    bench::Peers{options}.serve();
  else if (part == "mesh")
    bench::Mesh{options}.serve();
  else if (part == "relay")
    bench::relay(options);
  else if (part == "pods")
    bench::pods(options);
  else if (part == "tell-pods")
    bench::tell_pods(options);
  else if (part == "install-pods")
    bench::install_pods(options);
  else if (part == "kernel-fill")
    bench::fill_kernel(options);
  else if (part == "kernel-check")
    bench::check_kernel(options);
  else
    bench::die("what is '" + part + "'?");
}
