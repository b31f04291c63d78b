# A watch and nothing else, for the tests that script a server (test_scripted_server.py) or run a real one.
add_executable(kube_watch ${CMAKE_CURRENT_LIST_DIR}/kube_watch.cc)
target_link_libraries(kube_watch PRIVATE kube)
# A candidate for a lease and nothing else (test_scripted_lease.py).
add_executable(kube_lease ${CMAKE_CURRENT_LIST_DIR}/kube_lease.cc)
target_link_libraries(kube_lease PRIVATE agent_daemon)
# Requests and nothing else, one after another (test_scripted_deadline.py).
add_executable(kube_ask ${CMAKE_CURRENT_LIST_DIR}/kube_ask.cc)
target_link_libraries(kube_ask PRIVATE kube)
