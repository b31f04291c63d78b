slash32_test(bgp_peer_tests bgpd/peer bgp_peer)
