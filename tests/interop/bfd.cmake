# The BFD engine on the network, for test_bfd.py.
add_executable(bfd_speaker ${CMAKE_CURRENT_LIST_DIR}/bfd_speaker.cc)
target_link_libraries(bfd_speaker PRIVATE bgp_bfd)
