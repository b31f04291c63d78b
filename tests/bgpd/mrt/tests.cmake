slash32_test(bgp_mrt_tests bgpd/mrt bgp_mrt)
