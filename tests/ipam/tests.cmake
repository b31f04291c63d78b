slash32_test(ipam_tests ipam slash32_ipam)
target_compile_definitions(ipam_tests PRIVATE SLASH32_IPAM_BINARY="$<TARGET_FILE:slash32-ipam>")
add_dependencies(ipam_tests slash32-ipam)

# These mount a tmpfs, make PID namespaces, run Debian's ptp and bridge: root only, each in namespaces of its own.
file(GLOB ipam_root_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/root/*_test.cc)
add_executable(ipam_root_tests ${ipam_root_sources})
target_link_libraries(ipam_root_tests PRIVATE slash32_ipam GTest::gmock GTest::gtest_main)
gtest_discover_tests(ipam_root_tests DISCOVERY_TIMEOUT 60 PROPERTIES LABELS root)
add_test(NAME IpamDelegation.PtpAndBridgeGetTheirAddressesFromUs
         COMMAND ${CMAKE_CURRENT_LIST_DIR}/root/delegation.sh $<TARGET_FILE:slash32-ipam>)
set_tests_properties(IpamDelegation.PtpAndBridgeGetTheirAddressesFromUs PROPERTIES LABELS root TIMEOUT 120)
