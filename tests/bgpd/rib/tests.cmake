slash32_test(bgp_rib_tests bgpd/rib bgp_rib)
