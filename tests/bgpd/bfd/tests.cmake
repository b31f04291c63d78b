slash32_test(bgp_bfd_tests bgpd/bfd bgp_bfd)
