slash32_test(bgp_fsm_tests bgpd/fsm bgp_fsm)
