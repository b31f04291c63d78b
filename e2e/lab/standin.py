"""The same cluster with Debian's ptp, host-local and BIRD in the places of our programs.

A test that fails with our programs and passes with these has found a bug of ours; one that fails with both has
found a bug of the lab.
"""

from lab.bird import Bird, Session
from lab.containerd import write_conflist
from lab.topology import MTU, Cluster

STATIC = """protocol static own_{family} {{
  {family};
  route {prefix} blackhole;
}}
"""


class NodeBird(Bird):
    """A BIRD that offers what the cluster asks of a node's speaker."""

    def wait_established(self, timeout=40):
        """Sessions are waited for by their routes."""

    def is_running(self):
        """Whether it runs."""
        return self._daemon is not None and self._daemon.is_running()


class StandInCluster(Cluster):
    """Pods by ptp and host-local, routes by BIRD; for plans of kind `tor`."""

    plugins = ("loopback", "ptp", "host-local")
    learned = "bird"

    def _equip(self, node, number):
        plan = self.plan
        ranges = [[{"subnet": prefix}] for prefix in plan.pod_ranges(number)]
        defaults = [{"dst": "0.0.0.0/0" if family == "ipv4" else "::/0"} for family in plan.families]
        ipam = {"type": "host-local", "dataDir": "/run/host-local", "ranges": ranges, "routes": defaults}
        write_conflist(node, {"cniVersion": "1.0.0", "name": "standin",
                              "plugins": [{"type": "ptp", "mtu": MTU, "ipam": ipam}]})
        family = plan.families[0]
        session = Session("tor", plan.host_address(number, family), plan.node_as(number),
                          plan.router_address(number, family), plan.router_as(), plan.families,
                          export="where source = RTS_STATIC")
        node.bgpd = NodeBird(node, f"10.0.{number}.1", plan.families, [session])
        for family in plan.families:
            node.bgpd.append(STATIC.format(family=family, prefix=plan.pod_range(number, family)))
