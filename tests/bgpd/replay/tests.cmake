slash32_test(bgp_replay_tests bgpd/replay bgp_daemon)
target_sources(bgp_replay_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR}/node.cc)
