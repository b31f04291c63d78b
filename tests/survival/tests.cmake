# The tracer that tests/survival/every_call.py drives. Started thousands of times, so it is light: static, no sanitizer.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_executable(call_tracer ${CMAKE_CURRENT_LIST_DIR}/call_tracer.cc)
  target_compile_options(call_tracer PRIVATE -O2 -fno-sanitize=all)
  target_link_options(call_tracer PRIVATE -static -fno-sanitize=all)
endif()
