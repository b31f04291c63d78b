slash32_test(bgp_policy_tests bgpd/policy bgp_policy)
