slash32_test(bgp_ndp_tests bgpd/ndp bgp_ndp)
