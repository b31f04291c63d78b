# Neighbour discovery: any packet of a link. As the BGP targets: libFuzzer, or a replay of the corpus.
add_executable(fuzz_ndp ${CMAKE_CURRENT_LIST_DIR}/fuzz_ndp.cc)
if(SLASH32_FUZZ)
  target_link_libraries(fuzz_ndp PRIVATE bgp_ndp -fsanitize=fuzzer)
else()
  target_sources(fuzz_ndp PRIVATE ${CMAKE_CURRENT_LIST_DIR}/replay_main.cc)
  target_link_libraries(fuzz_ndp PRIVATE bgp_ndp)
  add_test(NAME fuzz_ndp_replays_its_corpus COMMAND fuzz_ndp ${CMAKE_CURRENT_LIST_DIR}/corpus/ndp)
endif()
