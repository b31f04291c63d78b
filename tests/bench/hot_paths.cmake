# The hot paths, for callgrind (tests/bench/test_hot_paths.py). Optimised as what is shipped is: built in the release
# tree, which has no tests, when it is asked for.
add_executable(hot_paths EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/hot_paths.cc)
target_link_libraries(hot_paths PRIVATE bgp_rib bgp_fib)
