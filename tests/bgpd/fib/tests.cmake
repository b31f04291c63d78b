slash32_test(bgp_fib_tests bgpd/fib bgp_fib)
