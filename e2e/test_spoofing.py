"""A pod cannot send from an address that is not its own, in either family, whatever rp_filter says."""

import pytest
from lab.pod import Place
from lab.session import plans

pytestmark = pytest.mark.parametrize("cluster", plans("tor", stacks=("dual",)), indirect=True)


def listeners(cluster, family):
    """(place, address) at which a spoofed packet could arrive: own node, a pod beside, another node's pod."""
    node, other = cluster.nodes[:2]
    return [(Place(cluster.lab, node.name, f"/proc/{node.pid}/ns/net"), cluster.plan.host_address(1, family)),
            (node.pods[1], node.pods[1].ip(family)), (other.pods[0], other.pods[0].ip(family))]


def heard(source, forged, place, address):
    """What a listener hears of datagrams from `forged`, then one honest, hand-made one, and a last one."""
    with place.probing("listen", address, "--timeout", 5) as listener:
        for sender, text in ((forged, "forged"), (source.ip("ipv6" if ":" in address else "ipv4"), "honest")):
            source.probe("spoof", address, "--source", sender, "--text", text, "--count", 1)
        source.probe("say", address, "--text", "last")
        return listener.result()


@pytest.mark.parametrize("rp_filter", [0, 2])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_pod_cannot_send_from_anothers_address(cluster, family, rp_filter):
    """The forger's tool is shown to work by an honest packet it makes the same way."""
    node = cluster.nodes[0]
    source = node.pods[0]
    node.sysctl({"net.ipv4.conf.all.rp_filter": rp_filter})
    unused = {"ipv4": "192.0.2.77", "ipv6": "2001:db8::77"}[family]
    beside, far = node.pods[1].ip(family), cluster.nodes[2].pods[0].ip(family)
    for forged in (unused, beside, far, cluster.plan.host_address(1, family)):
        for place, address in listeners(cluster, family):
            if forged == address:
                continue  # a packet from an address to itself is refused by any kernel
            own = source.ip(family)
            assert heard(source, forged, place, address) == [[own, "honest"], [own, "last"]], f"{forged} at {place}"
    node.sysctl({"net.ipv4.conf.all.rp_filter": 0})
