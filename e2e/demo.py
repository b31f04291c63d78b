"""The demonstration behind demo.sh: brings a cluster up, shows what it does, takes it down."""

import argparse
import json
import os
import signal
import sys
import time

from lab import lab
from lab.picture import beside, box, centred, table
from lab.shell import environment
from lab.topology import Cluster, Plan

STATE = "/run/slash32-e2e-demo.json"
PLAN = Plan("tor", "dual")
WIDTH = 32  # of a node's box, inside

HINT = """The cluster stays up. Try, as root:

  e2e/demo.sh --enter n1 slash32ctl status          what the speaker on n1 does
  e2e/demo.sh --enter n1 slash32ctl neighbors       its sessions
  e2e/demo.sh --enter n1 slash32ctl routes          what it learned, and what is in the kernel
  e2e/demo.sh --enter n1 slash32ctl ipam show       who holds which address
  e2e/demo.sh --enter n1 ip route show              the kernel's own view
  e2e/demo.sh --enter n1                            a shell on the node
  e2e/demo.sh --enter n1-pod1 ping {other}       from inside a pod
  e2e/demo.sh --enter tor birdc -s {socket} show route
  e2e/demo.sh --down                                takes it all down
"""


def announce(text, started=time.monotonic()):
    """A line of progress with the seconds since the start."""
    print(f"  {time.monotonic() - started:5.1f} s  {text}", flush=True)


def neighbor_lines(node):
    """A line per BGP session of a node."""
    out = []
    for neighbor in node.bgpd.neighbors():
        families = neighbor.get("families", {})
        counts = ", ".join(f"{name[-2:]} {c.get('accepted', '?')}" for name, c in sorted(families.items()))
        out += [f"bgpd → {neighbor['name']}: {neighbor['state']}", f"  routes accepted: {counts}"]
    return out


def node_box(cluster, node):
    """A node with its addresses, its session and its pods."""
    number = cluster.number(node)
    lines = [f"{node.name}   AS {cluster.plan.node_as(number)}", ""]
    lines += [f"eth0  {cluster.plan.host_address(number, family)}" for family in cluster.plan.families]
    lines += ["", *neighbor_lines(node), "", "pod ranges announced:"]
    lines += [f"  {prefix}" for prefix in cluster.plan.pod_ranges(number)]
    for pod in node.pods:
        lines += ["", f"{pod.name}", *[f"  {ip}" for ip in pod.ips]]
    return box(lines, WIDTH)


def topology_lines(cluster):
    """The router on top, the nodes below, each on its own wire."""
    column = WIDTH + 4
    total = 3 * column + 4
    label = f"tor   AS {cluster.plan.router_as()}   BIRD 2: a router that is not ours"
    router = box([label], len(label))
    out = [centred(line, total).rstrip() for line in router]
    wires = [[centred(cluster.plan.router_address(n, family), column) for family in cluster.plan.families]
             + [centred("│ eBGP", column)] for n in range(1, cluster.plan.nodes + 1)]
    return [*out, *beside(wires), *beside([node_box(cluster, node) for node in cluster.nodes])]


def route_lines(node):
    """The routes in a node's kernel that carry one of our tags."""
    kinds = {"pod": "a pod of this node (put there by the plugin)",
             "aggregate": "this node's pod range: unused addresses end here",
             "bgp": "learned by BGP (put there by slash32-bgpd)"}
    rows = []
    for kind, meaning in kinds.items():
        for route in node.routes(kind):
            way = f"via {route['gateway']}" if "gateway" in route else route.get("type", "")
            way = f"dev {route['dev']}" if kind == "pod" else way
            rows.append([route["dst"], way, route.get("metric", ""), meaning])
    width = [max(len(str(row[at])) for row in rows) for at in range(3)]
    return ["  " + f"{r[0]:<{width[0]}}  {r[1]:<{width[1]}}  metric {r[2]:>3}  {r[3]}" for r in rows]


def ping_matrix(cluster, family):
    """(lines, answered, asked): who pinged whom and how long it took."""
    pods = cluster.pods()
    rows, answered, asked = [], 0, 0
    for place in [*pods, *cluster.hosts()]:
        targets = {pod.name: pod.ip(family) for pod in pods}
        took = place.ping(targets.values(), rounds=2)  # the first round also asks for neighbours' addresses
        answered += sum(ms is not None for ms in took.values())
        asked += len(took)
        rows.append([place.name, *["LOST" if took[ip] is None else f"{took[ip]:.2f}" for ip in targets.values()]])
    return table(["from \\ to", *[pod.name for pod in pods]], rows), answered, asked


def show(cluster):
    """Prints the picture; returns whether every ping was answered."""
    print("\nThree nodes in three subnets, each with containerd and slash32, and the router between them:\n")
    print("\n".join(topology_lines(cluster)))
    node = cluster.nodes[0]
    print(f"\nRoutes of ours in the kernel of {node.name}:\n")
    print("\n".join(route_lines(node)))
    total_answered = total_asked = 0
    for family in cluster.plan.families:
        lines, answered, asked = ping_matrix(cluster, family)
        print(f"\nWho pinged whom over {family.replace('ip', 'IP')}, and how many milliseconds it took:\n")
        print("\n".join(f"  {line}" for line in lines))
        total_answered, total_asked = total_answered + answered, total_asked + asked
    print(f"\n{total_answered} of {total_asked} pings answered.\n", flush=True)
    return total_answered == total_asked


def remember(cluster):
    """Writes down what --enter and --down need."""
    places = {machine.name: ["--target", str(machine.pid), "--mount", "--net", "--pid", "--uts", "--ipc"]
              for machine in cluster.lab.machines}
    places.update({pod.name: [f"--net={pod.netns}"] for pod in cluster.pods()})
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump({"directory": cluster.lab.directory, "holders": cluster.lab.holders(), "places": places}, file)


def recall():
    """What remember() wrote, or an end with a message."""
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        sys.exit("no demonstration is up: start one with e2e/demo.sh --keep")


def enter(name, command):
    """Becomes a command, or a shell, on a node, in a pod or on the router."""
    state = recall()
    if name not in state["places"]:
        sys.exit(f"no \"{name}\" here; there are {', '.join(sorted(state['places']))}")
    env = {**environment(os.path.basename(state["directory"])), "TERM": os.environ.get("TERM", "dumb"),
           "PS1": f"{name}# "}
    argv = ["nsenter", *state["places"][name], "--", *(command or ["bash", "--norc", "-i"])]
    os.execvpe(argv[0], argv, env)


def down():
    """Takes down what --keep left up."""
    state = recall()
    lab.take_down(state["directory"], state["holders"])
    os.unlink(STATE)
    left = lab.leftovers(state["directory"])
    sys.exit(f"left behind: {left}" if left else 0)


def demonstrate(keep):
    """Brings the cluster up and shows it; returns the exit status."""
    if os.path.exists(STATE):
        sys.exit("a demonstration is up already: take it down with e2e/demo.sh --down")
    cluster, stays = Cluster(PLAN, keep), False
    try:
        complete = show(cluster.up(announce))
        if keep:
            remember(cluster)
            stays = True
            print(HINT.format(other=cluster.nodes[1].pods[0].ips[0],
                              socket=os.path.join(cluster.router.directory, "bird.ctl")))
        return 0 if complete else 1
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
        return 130
    finally:
        if not stays:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # taking down is not to be interrupted
            announce("taking everything down")
            cluster.down()
            left = cluster.lab.leftovers()
            print(f"left behind: {left}" if left else "Nothing is left behind.", flush=True)


def interrupt(*_):
    """SIGTERM and SIGHUP end the demonstration as Ctrl-C does."""
    raise KeyboardInterrupt


def main():
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(prog="e2e/demo.sh", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="leave the cluster up and say what to try")
    choice.add_argument("--down", action="store_true", help="take down what --keep left up")
    choice.add_argument("--enter", nargs=argparse.REMAINDER, metavar="NAME [COMMAND...]",
                        help="run a command, or a shell, on a node (n1), in a pod (n1-pod1) or on the router (tor)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    if args.down:
        down()
    elif args.enter:
        enter(args.enter[0], args.enter[1:])
    else:
        sys.exit(demonstrate(args.keep))


if __name__ == "__main__":
    main()
