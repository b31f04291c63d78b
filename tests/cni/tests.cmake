slash32_test(cni_tests cni slash32_cni)
