# Tests of the tree itself.
add_executable(layering_test ${CMAKE_CURRENT_LIST_DIR}/layering_test.cc)
target_link_libraries(layering_test PRIVATE GTest::gtest_main)
target_compile_definitions(layering_test PRIVATE SLASH32_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
gtest_discover_tests(layering_test)
