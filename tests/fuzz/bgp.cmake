# One libFuzzer target per decoder and one for a whole session (preset fuzz). Without libFuzzer the same targets replay
# their corpora under ctest.
foreach(target update open messages session)
  set(name fuzz_${target})
  add_executable(${name} ${CMAKE_CURRENT_LIST_DIR}/${name}.cc)
  if(SLASH32_FUZZ)
    target_link_libraries(${name} PRIVATE bgp_peer -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/replay_main.cc)
    target_link_libraries(${name} PRIVATE bgp_peer)
    add_test(NAME ${name}_replays_its_corpus COMMAND ${name} ${CMAKE_CURRENT_LIST_DIR}/corpus/${target})
  endif()
endforeach()
