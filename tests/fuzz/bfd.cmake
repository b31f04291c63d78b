# BFD: any packets to an engine. As the BGP targets: libFuzzer, or a replay of the corpus.
add_executable(fuzz_bfd ${CMAKE_CURRENT_LIST_DIR}/fuzz_bfd.cc)
if(SLASH32_FUZZ)
  target_link_libraries(fuzz_bfd PRIVATE bgp_bfd -fsanitize=fuzzer)
else()
  target_sources(fuzz_bfd PRIVATE ${CMAKE_CURRENT_LIST_DIR}/replay_main.cc)
  target_link_libraries(fuzz_bfd PRIVATE bgp_bfd)
  add_test(NAME fuzz_bfd_replays_its_corpus COMMAND fuzz_bfd ${CMAKE_CURRENT_LIST_DIR}/corpus/bfd)
endif()
