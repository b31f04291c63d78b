# FibSync and KernelWatch against the kernel, each test in a network namespace of its own; they need root.
set(fib_netns_sources bulk drop kernel_objects link objects owner policy sync watch)
list(TRANSFORM fib_netns_sources REPLACE "(.+)" "${CMAKE_CURRENT_LIST_DIR}/fib_\\1_test.cc")
add_executable(fib_netns_tests ${fib_netns_sources})
target_link_libraries(fib_netns_tests PRIVATE bgp_fib GTest::gmock GTest::gtest_main)
gtest_discover_tests(fib_netns_tests DISCOVERY_TIMEOUT 60 PROPERTIES LABELS root)
