"""bgp-bench's parts: the tester and its world, the daemons, the cases, the report."""
