# The RIB alone: time and memory for a table of N prefixes.
if(SLASH32_BENCH)
  add_executable(rib_bench ${CMAKE_CURRENT_LIST_DIR}/rib_bench.cc)
  target_compile_options(rib_bench PRIVATE -O2)
  target_link_libraries(rib_bench PRIVATE bgp_rib)
endif()
