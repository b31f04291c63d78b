"""What slash32-agent does on a node, done by the lab: the one place to change when the agent takes over.

It reads what the API says of the nodes (podCIDRs and InternalIPs) and writes node.json, bgpd.json (a full mesh by
iBGP) and, last, the conflist.
"""

import json
import os

from lab.bgpd import Bgpd
from lab.containerd import write_conflist
from lab.shell import path_of, wait_until
from lab.topology import MTU

CONFLIST = {"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "slash32",
            "plugins": [{"type": "slash32", "ipam": {"type": "slash32-ipam"}}]}
LOCAL_AS = 64512


def pod_ranges(item):
    """A Node's podCIDRs; none while there are none."""
    return item["spec"].get("podCIDRs", [])


def addresses(item):
    """A Node's own addresses."""
    return [a["address"] for a in item.get("status", {}).get("addresses", []) if a["type"] == "InternalIP"]


def wait_for_nodes(api, names, families):
    """Waits until every node is in the API with its ranges and addresses; returns {name: Node}."""
    def complete():
        items = {item["metadata"]["name"]: item for item in api.get("/api/v1/nodes")["items"]}
        whole = [name for name in names if name in items and len(pod_ranges(items[name])) == len(families)
                 and len(addresses(items[name])) == len(families)]
        return items if len(whole) == len(names) else None
    return wait_until(complete, 60, lambda: f"podCIDRs and addresses of {names}: {api.get('/api/v1/nodes')}")


def bgpd_config(name, items):
    """slash32-bgpd's configuration for one of the nodes."""
    neighbors = [{"name": other, "address": addresses(item)[0], "remoteAs": LOCAL_AS, "connectRetryTime": 2,
                  "families": ["ipv4", "ipv6"], "gracefulRestart": {"enabled": True, "restartTime": 120}}
                 for other, item in items.items() if other != name]
    return {"localAs": LOCAL_AS, "routerId": addresses(items[name])[0], "kernel": {"install": True},
            "control": {"socket": "/run/slash32/bgpd.sock"},
            "originate": {"prefixes": pod_ranges(items[name]), "podRoutes": "outside-aggregates"},
            "neighbors": neighbors}


def _equip(node, items):
    content = {"nodeName": node.name, "podCidrs": pod_ranges(items[node.name]), "mtu": MTU}
    target = path_of(node.pid, "/run/slash32/node.json")
    with open(target + ".tmp", "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.rename(target + ".tmp", target)
    node.bgpd = Bgpd(node, bgpd_config(node.name, items))
    node.bgpd.start()
    write_conflist(node, CONFLIST)


def equip(cluster, nodes):
    """Configures nodes, starts their speakers, and makes them ready for pods."""
    items = {item["metadata"]["name"]: item for item in cluster.node_items()}
    for node in nodes:
        _equip(node, items)
