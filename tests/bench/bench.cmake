# The floor tests/bench/cni_bench.py measures against: static, as the plugin is.
if(SLASH32_BENCH)
  add_executable(kernel_floor ${CMAKE_CURRENT_SOURCE_DIR}/bench/kernel_floor.cc)
  target_compile_options(kernel_floor PRIVATE -O2)
  target_link_options(kernel_floor PRIVATE -static)
endif()
