# The tester of bgp-bench. Built with the tests, so that it cannot rot; bgp-bench compiles it once more, optimised, for
# what it measures.
file(GLOB bgp_bench_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/bgpbench/peers/*.cc)
add_executable(bgp_bench_peers ${bgp_bench_sources})
