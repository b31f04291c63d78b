"""The machines of the tests: network namespaces, slash32-bgpd in one, its peers in others."""
