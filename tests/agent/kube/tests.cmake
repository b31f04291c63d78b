slash32_test(agent_kube_tests agent/kube kube)
