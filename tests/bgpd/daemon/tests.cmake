slash32_test(bgp_daemon_tests bgpd/daemon bgp_daemon)
