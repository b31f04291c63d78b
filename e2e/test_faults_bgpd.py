"""Ends of slash32-bgpd and of the router under traffic: a crash or a restart loses no packet."""

import pytest
from lab.flow import unbroken
from lab.session import plans
from lab.shell import wait_until

pytestmark = pytest.mark.parametrize("cluster", plans("tor", "mesh", stacks=("dual",)), indirect=True)

ENDINGS = {"kill": "killed with SIGKILL and started", "terminate": "restarted by SIGTERM"}


def kernel(node):
    """What the speaker has in a node's kernel."""
    return sorted((kind, r["dst"], r.get("gateway", "")) for kind in ("bgp", "aggregate") for r in node.routes(kind))


def is_settled(cluster):
    """Whether every speaker has all sessions up and all routes learned, and no restart is still being recovered from.

    A speaker that ends again before its neighbours have heard all of it must lose what is stale (RFC 4724 4.2).
    """
    speakers = [node.bgpd for node in cluster.nodes]
    return all(bgpd.is_established() for bgpd in speakers) and not cluster.missing_routes() and \
        not any(route.get("stale") for bgpd in speakers for route in bgpd.routes()) and \
        not (cluster.bird and cluster.bird.is_recovering())


def wait_settled(cluster, timeout=60):
    """Waits for is_settled()."""
    wait_until(lambda: is_settled(cluster), timeout,
               lambda: [cluster.missing_routes(), [node.bgpd.neighbors() for node in cluster.nodes]])


def sessions_seen(node):
    """What tells one life of a speaker from the next: its neighbours' states while it answers."""
    return [neighbor["state"] for neighbor in node.bgpd.neighbors()]


def is_missed(cluster, node):
    """Whether all who speak with a node have noticed that it is away."""
    if cluster.bird:
        return not cluster.bird.is_established()
    others = [other for other in cluster.nodes if other is not node]
    return not any(other.bgpd.is_established() for other in others)


def end_and_restart(cluster, node, end):
    """Ends a speaker, starts it when all have noticed, and waits until it has learned everything anew."""
    before = kernel(node)
    end()
    wait_until(lambda: is_missed(cluster, node), 20, "the others to notice")
    assert kernel(node) == before, "routes must stay while the speaker is away"
    assert cluster.missing_routes() == [], "and the others must keep theirs"
    assert sessions_seen(node) == []
    node.bgpd.start()
    wait_settled(cluster)
    wait_until(lambda: kernel(node) == before, 20, lambda: f"{kernel(node)} to be {before}")


@pytest.mark.parametrize("ending", ENDINGS)
def test_bgpd_ends_and_returns_without_a_lost_packet(cluster, ending):
    """kill -9 and SIGTERM, under a 1 kHz probe from a pod of that node to a pod of another and back."""
    wait_settled(cluster)
    node, other = cluster.nodes[:2]
    with unbroken(node.pods[0], other.pods[0], f"bgpd {ENDINGS[ending]}, {cluster.plan}"):
        end_and_restart(cluster, node, getattr(node.bgpd, ending))


def test_a_range_that_went_while_bgpd_was_dead_is_swept(cluster):
    """Routes that nobody confirms after the restart go; those that are confirmed stay all the time."""
    wait_settled(cluster)
    node, other, leaving = cluster.nodes
    gone, kept = (set(cluster.plan.pod_ranges(cluster.number(n))) for n in (leaving, other))
    node.bgpd.kill()
    assert leaving.bgpd.shutdown() == 0
    with unbroken(node.pods[0], other.pods[0], f"sweep after a restart, {cluster.plan}"):
        node.bgpd.start()
        # In the mesh the one that left never sends its End-of-RIB, so its routes stay for the restart time.
        if cluster.plan.has_router:
            wait_until(lambda: not gone & {r["dst"] for r in node.routes("bgp")}, 40, lambda: node.routes("bgp"))
        else:
            wait_until(lambda: any(state == "Established" for state in sessions_seen(node)), 40, "a session")
        assert kept <= {route["dst"] for route in node.routes("bgp")}
    leaving.bgpd.start()
    wait_settled(cluster)


def test_a_speaker_that_leaves_takes_its_routes_along(cluster):
    """`slash32ctl shutdown`: its ranges are withdrawn everywhere, its own kernel keeps nothing of 133 and 134."""
    wait_settled(cluster)
    leaving, others = cluster.nodes[2], cluster.nodes[:2]
    ranges = set(cluster.plan.pod_ranges(3))
    assert leaving.bgpd.shutdown() == 0
    assert kernel(leaving) == []
    for node in others:
        wait_until(lambda node=node: not ranges & {r["dst"] for r in node.routes("bgp")}, 20,
                   lambda node=node: node.routes("bgp"))
    leaving.bgpd.start()
    wait_settled(cluster)


def test_a_reload_changes_what_is_announced_and_no_session(cluster):
    """SIGHUP with one more prefix: it arrives at the others, and no neighbour notices anything else."""
    wait_settled(cluster)
    node, other = cluster.nodes[:2]
    config = node.bgpd.config
    more = {**config, "originate": {**config["originate"],
                                    "prefixes": [*config["originate"]["prefixes"], "10.245.1.0/24"]}}
    with unbroken(other.pods[0], node.pods[0], f"reload, {cluster.plan}"):
        node.bgpd.reload(more)
        wait_until(lambda: "10.245.1.0/24" in {r["dst"] for r in other.routes("bgp")}, 20, "the added prefix")
        assert is_settled(cluster)
        node.bgpd.reload(config)
        wait_until(lambda: "10.245.1.0/24" not in {r["dst"] for r in other.routes("bgp")}, 20, "its withdrawal")
    assert is_settled(cluster)
