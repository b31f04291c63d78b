slash32_test(bgp_control_tests bgpd/control bgp_control)
