# The libnl half only: the libmnl half has a target, and tests, of its own.
add_executable(netlink_nl_tests ${CMAKE_CURRENT_SOURCE_DIR}/common/netlink/requests_test.cc)
target_link_libraries(netlink_nl_tests PRIVATE slash32_netlink_nl GTest::gmock GTest::gtest_main)
gtest_discover_tests(netlink_nl_tests DISCOVERY_TIMEOUT 60)
