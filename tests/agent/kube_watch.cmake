# A watch and nothing else, for the tests that script a server (test_scripted_server.py) or run a real one.
add_executable(kube_watch ${CMAKE_CURRENT_LIST_DIR}/kube_watch.cc)
target_link_libraries(kube_watch PRIVATE kube)
