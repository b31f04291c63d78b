slash32_test(bgp_wire_tests bgpd/wire bgp_wire)
