# Routes into the kernel: FibSync beside bare netlink. Run as root.
if(SLASH32_BENCH)
  add_executable(fib_bench ${CMAKE_CURRENT_LIST_DIR}/fib_bench.cc)
  target_compile_options(fib_bench PRIVATE -O2)
  target_link_libraries(fib_bench PRIVATE bgp_fib)
endif()
