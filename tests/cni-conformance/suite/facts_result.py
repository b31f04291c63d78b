"""The result of ADD: its shape in each version, and whether it is true. The specification's section 5, "ADD Success"."""

import ipaddress
import time

from .facts import QUALITY, Broken, NotApplicable, expect, fact, number

WHERE = "§5 ADD Success"
INTERFACE = {"name": str, "mac": str, "sandbox": str}
INTERFACE_1_1 = {**INTERFACE, "mtu": int, "socketPath": str, "pciID": str}
ROUTE = {"dst": str, "gw": str}
ROUTE_1_1 = {**ROUTE, "mtu": int, "advmss": int, "priority": int, "table": int, "scope": int}
DNS = {"nameservers": list, "domain": str, "search": list, "options": list}


def _is_1_1(trial):
    return number(trial.version) >= (1, 1, 0)


def _only(entry, known, what):
    """Broken unless `entry` is an object of known keys with values of the right type."""
    expect(isinstance(entry, dict), f"{what} is not an object: {entry!r}")
    for key, value in entry.items():
        expect(key in known, f"{what} has {key!r}, which this version does not have")
        right = isinstance(value, known[key]) and not (known[key] is int and (isinstance(value, bool) or value < 0))
        expect(right, f"{what}: {key!r} is {value!r}")


def _list(result, key):
    entries = result.get(key, [])
    expect(isinstance(entries, list), f"{key!r} is not a list: {entries!r}")
    return entries


@fact("result.version", "ADD", "cniVersion is the configuration's", WHERE)
def version(trial):
    got = trial.add("p1").result.get("cniVersion")
    expect(got == trial.version, f"cniVersion is {got!r}, not {trial.version!r}")


@fact("result.keys", "ADD", "it has only interfaces, ips, routes and dns beside cniVersion", WHERE)
def keys(trial):
    result = trial.add("p1").result
    extra = set(result) - {"cniVersion", "interfaces", "ips", "routes", "dns"}
    expect(not extra, f"the result has {sorted(extra)}")


@fact("result.interfaces", "ADD", "interfaces have names and only keys of their version (mtu, socketPath, pciID since 1.1.0)",
      WHERE)
def interfaces(trial):
    for entry in _list(trial.add("p1").result, "interfaces"):
        _only(entry, INTERFACE_1_1 if _is_1_1(trial) else INTERFACE, "an interface")
        expect(entry.get("name"), f"an interface without a name: {entry}")


@fact("result.container-side", "ADD", "the interface asked for is there, its sandbox is CNI_NETNS, and it exists", WHERE)
def container_side(trial):
    attachment = trial.add("p1")
    mine = [i for i in attachment.interfaces(host=False) if i["name"] == "eth0"]
    expect(mine, f"no eth0 with a sandbox in {attachment.result.get('interfaces')}")
    expect(mine[0]["sandbox"] == attachment.netns, f"sandbox is {mine[0]['sandbox']!r}, not {attachment.netns!r}")
    for entry in attachment.interfaces(host=False):
        expect(trial.node.link(entry["name"], "p1"), f"{entry['name']} is not in the pod")


@fact("result.proc-path", "ADD", "a /proc path as CNI_NETNS works and is the sandbox", "1.1.0 §2 Parameters; 0.4.0")
def proc_path(trial):
    trial.node.pod("p1")
    holder = trial.node.run("sh", "-c", "ip netns exec p1 sleep 60 > /dev/null 2>&1 & echo $!").stdout.strip()
    try:
        end = time.monotonic() + 10
        path = f"/proc/{holder}/ns/net"
        while trial.node.run("stat", "-Lc", "%i", path).stdout != trial.node.run("stat", "-Lc", "%i", "/run/netns/p1").stdout:
            expect(time.monotonic() < end, "the suite could not start a process in the pod")
            time.sleep(0.01)
        attachment = trial.add("p1", netns=path)
        sandboxes = {i["sandbox"] for i in attachment.interfaces(host=False)}
        expect(sandboxes == {path}, f"sandbox is {sandboxes}, not {path}")
        trial.delete(attachment)
        expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")
    finally:
        trial.node.run("kill", holder, check=False)


@fact("result.host-side", "ADD", "interfaces without a sandbox exist on the node", WHERE)
def host_side(trial):
    entries = trial.add("p1").interfaces(host=True)
    if not entries:
        raise NotApplicable("the result has no interface of the node")
    for entry in entries:
        expect(trial.node.link(entry["name"]), f"{entry['name']} is not on the node")


@fact("result.mac", "ADD", "every mac is the interface's", WHERE)
def mac(trial):
    attachment = trial.add("p1")
    compared = 0
    for host, pod in ((True, None), (False, "p1")):
        for entry in attachment.interfaces(host):
            real = trial.node.link(entry["name"], pod)
            if entry.get("mac") and real:
                compared += 1
                expect(real["address"] == entry["mac"].lower(), f"{entry['name']} has {real['address']}, not {entry['mac']}")
    expect(compared, "no interface has a \"mac\", although these have hardware addresses")


@fact("result.mtu", "ADD", "an mtu that is told is the interface's", WHERE, since="1.1.0")
def mtu(trial):
    attachment = trial.add("p1")
    told = [(e, pod) for host, pod in ((True, None), (False, "p1")) for e in attachment.interfaces(host) if "mtu" in e]
    if not told:
        raise NotApplicable("no interface tells an mtu")
    for entry, pod in told:
        real = trial.node.link(entry["name"], pod)["mtu"]
        expect(real == entry["mtu"], f"{entry['name']} has an MTU of {real}, not {entry['mtu']}")


@fact("result.ips", "ADD", "ips have an address with its length, a gateway of its family; a version before 1.0.0 and none since",
      WHERE)
def ips(trial):
    known = {"address": str, "gateway": str, "interface": int}
    if number(trial.version) < (1, 0, 0):
        known["version"] = str
    for entry in _list(trial.add("p1").result, "ips"):
        _only(entry, known, "an entry of ips")
        expect("/" in entry.get("address", ""), f"no address with a length: {entry}")
        try:
            address = ipaddress.ip_interface(entry["address"])
            gateway = ipaddress.ip_address(entry["gateway"]) if "gateway" in entry else address
        except ValueError as error:
            raise Broken(f"{entry}: {error}") from error
        expect(gateway.version == address.version, f"the gateway is of another family: {entry}")
        if "version" in known:
            expect(entry.get("version") == str(address.version), f"version is {entry.get('version')!r}: {entry}")


@fact("result.index", "ADD", "every address names an interface of the list, and really stands there", WHERE)
def index(trial):
    attachment = trial.add("p1")
    entries = _list(attachment.result, "interfaces")
    expect(attachment.result.get("ips"), "there are no ips")
    for entry in attachment.result["ips"]:
        at = entry.get("interface")
        expect(isinstance(at, int) and 0 <= at < len(entries), f"interface {at!r} of {entry} is not in the list of "
               f"{len(entries)}")
        where = entries[at]
        address, length = entry["address"].split("/")
        have = trial.node.addresses(where["name"], "p1" if where.get("sandbox") else None)
        expect((address, int(length)) in have, f"{where['name']} does not have {entry['address']}, but {have}")


@fact("result.routes", "ADD", "routes have a destination and only keys of their version (mtu, table, … since 1.1.0)", WHERE)
def routes(trial):
    for entry in _list(trial.add("p1").result, "routes"):
        _only(entry, ROUTE_1_1 if _is_1_1(trial) else ROUTE, "a route")
        try:
            dst = ipaddress.ip_network(entry.get("dst", ""), strict=False)
            gw = ipaddress.ip_address(entry["gw"]) if "gw" in entry else dst
        except ValueError as error:
            raise Broken(f"{entry}: {error}") from error
        expect(gw.version == dst.version, f"the next hop is of another family: {entry}")


@fact("result.routes-are-there", "ADD", "the routes that it lists are in the pod", WHERE)
def routes_are_there(trial):
    listed = trial.add("p1").result.get("routes", [])
    if not listed:
        raise NotApplicable("the result lists no route")
    have = trial.node.routes("p1")
    for entry in listed:
        dst = str(ipaddress.ip_network(entry["dst"], strict=False))
        gw = entry.get("gw")
        found = [r for r in have if r["dst"] == dst and (not gw or r.get("gateway") == str(ipaddress.ip_address(gw)))]
        expect(found, f"the pod has no route to {dst} via {gw or 'anything'}")


@fact("result.dns", "ADD", "dns has only nameservers, domain, search and options", WHERE)
def dns(trial):
    _only(trial.add("p1").result.get("dns", {}), DNS, "dns")


@fact("result.up", "ADD", "when it returns the interface is up and its addresses can be used at once (no DAD pending)",
      "1.1.0 §2 CHECK: right after ADD", kind=QUALITY)
def up(trial):
    attachment = trial.add("p1")
    expect("UP" in trial.node.link("eth0", "p1")["flags"], "eth0 is down")
    for link in trial.node.show("addr show dev eth0", "p1"):
        for entry in link["addr_info"]:
            if entry["local"] in [address for address, _ in attachment.ips]:
                expect(not entry.get("tentative") and not entry.get("dadfailed"), f"{entry['local']} is tentative")


@fact("result.reachable", "ADD", "the node reaches every address, as the kubelet's probes must", "Kubernetes' network model",
      kind=QUALITY)
def reachable(trial):
    for address, _ in trial.add("p1").ips:
        expect(trial.node.answers(address), f"{address} does not answer the node")


@fact("result.neighbours", "ADD", "two pods of the node reach each other", "Kubernetes' network model", kind=QUALITY)
def neighbours(trial):
    trial.add("p1")
    for address, _ in trial.add("p2").ips:
        expect(trial.node.answers(address, "p1"), f"{address} does not answer the pod beside it")
