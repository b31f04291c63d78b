"""CHECK after damage: whatever of an attachment is missing or changed, CHECK must say so, and ADD's result tells what to
damage. The tables hold `ip` commands; the rest finds the places.
"""

import ipaddress

from .facts import QUALITY, NotApplicable, expect, fact, rows

RESULT = "1.1.0 §2 CHECK: interface, address or route of the result"
OTHER = "1.1.0 §2 CHECK: other resources"
UNREACHABLE = "1.1.0 §2 CHECK: if aware that the container is unreachable"


def _must_see(trial, attachment, damage):
    """CHECK was content before, does `damage`, and CHECK must be an error."""
    before = trial.check(attachment)
    expect(before.ok, f"already before the damage: {before}")
    damage()
    answer = trial.check(attachment)
    expect(not answer.ok, "CHECK does not see it")
    answer.must_fail()


@rows({"link-gone": "link del eth0", "link-down": "link set eth0 down", "link-renamed":
       ("link set eth0 down", "link set eth0 name eth7", "link set eth7 up")},
      "check.{row}", "CHECK", "the {row} in the pod is an error", RESULT)
def link(trial, *commands):
    attachment = trial.add("p1")

    def damage():
        for words in commands:
            trial.node.ip(words, "p1")

    _must_see(trial, attachment, damage)


@rows({"IPv4": 4, "IPv6": 6}, "check.address-gone-{row}", "CHECK", "the pod's {row} address gone is an error", RESULT)
def address_gone(trial, family):
    attachment = trial.add("p1")
    mine = [(a, n) for a, n in attachment.ips if ipaddress.ip_address(a).version == family]
    if not mine:
        raise NotApplicable(f"the result has no IPv{family} address")
    _must_see(trial, attachment, lambda: trial.node.ip(f"addr del {mine[0][0]}/{mine[0][1]} dev eth0", "p1"))


@fact("check.address-changed", "CHECK", "another address in its place is an error", RESULT)
def address_changed(trial):
    attachment = trial.add("p1")
    address, length = attachment.ips[0]
    other = str(ipaddress.ip_address(address) + 1)

    def damage():
        saved = [r for r in trial.node.routes("p1") if r.get("gateway")]
        trial.node.ip(f"addr add {other}/{length} dev eth0", "p1")
        trial.node.ip(f"addr del {address}/{length} dev eth0", "p1")
        for route in saved:  # what went with the address comes back, so that nothing else is wrong
            trial.node.ip(f"route replace {route['dst']} via {route['gateway']} dev eth0 onlink", "p1", check=False)

    _must_see(trial, attachment, damage)


def _listed(trial, attachment, family):
    """A route of the result that the pod has, as `ip -j route` shows it."""
    have = trial.node.routes("p1")
    for entry in attachment.result.get("routes", []):
        dst = ipaddress.ip_network(entry["dst"], strict=False)
        if dst.version != family:
            continue
        found = [r for r in have if r["dst"] == str(dst) and r.get("dev") == "eth0"]
        if found:
            return found[0]
    raise NotApplicable(f"the result lists no IPv{family} route that the pod has")


@rows({"IPv4": 4, "IPv6": 6}, "check.route-gone-{row}", "CHECK", "an {row} route of the result gone is an error", RESULT)
def route_gone(trial, family):
    attachment = trial.add("p1")
    route = _listed(trial, attachment, family)
    _must_see(trial, attachment, lambda: trial.node.ip(f"-{family} route del {route['dst']} dev eth0", "p1"))


@rows({"IPv4": 4, "IPv6": 6}, "check.route-changed-{row}", "CHECK", "an {row} route of the result that leads elsewhere is an "
      "error", RESULT)
def route_changed(trial, family):
    attachment = trial.add("p1")
    route = _listed(trial, attachment, family)

    def damage():
        for words in ("link add else9 type veth peer name else9-b", "link set else9 up", "link set else9-b up",
                      f"-{family} route del {route['dst']} dev eth0", f"-{family} route add {route['dst']} dev else9"):
            trial.node.ip(words, "p1")

    _must_see(trial, attachment, damage)


def _own_host_links(trial, before, attachment):
    """Links of the node that came with this attachment."""
    old = [name for name, *_ in before["links"]]
    return [name for name, *_ in trial.node.snapshot()["links"] if name not in old]


def _with_host_link(trial):
    trial.add("other")
    before = trial.node.snapshot()
    attachment = trial.add("p1")
    links = _own_host_links(trial, before, attachment)
    if not links:
        raise NotApplicable("no link of the node belongs to this pod alone")
    return before, attachment, links[0]


@fact("check.host-link-gone", "CHECK", "the node's end of the pair gone is an error", RESULT)
def host_link_gone(trial):
    _, attachment, name = _with_host_link(trial)
    _must_see(trial, attachment, lambda: trial.node.ip(f"link del {name}"))


@fact("check.host-link-down", "CHECK", "the node's end taken down is an error", RESULT)
def host_link_down(trial):
    _, attachment, name = _with_host_link(trial)
    _must_see(trial, attachment, lambda: trial.node.ip(f"link set {name} down"))


@fact("check.host-link-flapped", "CHECK", "the node's end down and up again, if routes were lost by it, is an error", UNREACHABLE,
      kind=QUALITY)
def host_link_flapped(trial):
    _, attachment, name = _with_host_link(trial)
    with_routes = trial.node.snapshot()["routes"]
    expect(trial.check(attachment).ok, "already before the damage CHECK fails")
    trial.node.ip(f"link set {name} down")
    trial.node.ip(f"link set {name} up")
    if all(route in trial.node.snapshot()["routes"] for route in with_routes):
        raise NotApplicable("no route was lost by it")
    trial.check(attachment).must_fail()


@rows({"IPv4": 4, "IPv6": 6}, "check.host-route-gone-{row}", "CHECK", "the node's {row} route to the pod gone is an error",
      UNREACHABLE, kind=QUALITY)
def host_route_gone(trial, family):
    _, attachment, name = _with_host_link(trial)
    mine = [a for a, _ in attachment.ips if ipaddress.ip_address(a).version == family]
    routes = [r for r in trial.node.routes() if r.get("dev") == name and mine and r["dst"].split("/")[0] == mine[0]]
    if not routes:
        raise NotApplicable(f"the node has no IPv{family} route of this pod's own")
    _must_see(trial, attachment, lambda: trial.node.ip(f"-{family} route del {routes[0]['dst']} dev {name}"))


@fact("check.forwarding-off", "CHECK", "a node that forwards nothing any more is an error", UNREACHABLE, kind=QUALITY)
def forwarding_off(trial):
    attachment = trial.add("p1")
    switch = "/proc/sys/net/ipv4/ip_forward"
    if trial.node.run("cat", switch).stdout.strip() != "1":
        raise NotApplicable("ADD did not turn forwarding on")
    _must_see(trial, attachment, lambda: trial.node.run("sh", "-c", f"echo 0 > {switch}"))


@fact("check.allocation-gone", "CHECK", "an allocation that the IPAM plugin has released behind its back is an error", OTHER)
def allocation_gone(trial):
    conf = trial.with_ipam()
    program = trial.network.find(conf["ipam"]["type"])
    if not program:
        raise NotApplicable(f"no program \"{conf['ipam']['type']}\" to release it with")
    attachment = trial.add("p1")
    conf["prevResult"] = attachment.result
    arguments = (conf, attachment.cid, attachment.netns, "eth0")
    if not trial.call("CHECK", *arguments, program=program).ok:
        raise NotApplicable("the IPAM plugin, called by itself, does not know the allocation")
    _must_see(trial, attachment, lambda: trial.call("DEL", *arguments, program=program).must_succeed())
