"""A node to try the plugin on: a network and a mount namespace of its own, with private state directories and an uplink.

Everything the plugin touches lies inside: /run, /var/lib and /var/log are fresh tmpfs mounts, /proc/sys/net is the
namespace's own. The node goes away with the process that holds the namespaces, and with us.
"""

import json
import os
import subprocess
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("SLASH32_BIN") or os.path.join(REPOSITORY, "build/release/bin")
FOREIGN = os.environ.get("CNI_PLUGINS") or "/usr/lib/cni"
# A namespace begins with the machine's own net.ipv4.ip_forward.
CLOSED = "echo 0 > /proc/sys/net/ipv4/ip_forward && mount -t tmpfs t /run && mkdir -p /run/netns /run/slash32 && " \
         "mount -t tmpfs t /var/lib && " \
         "mount -t tmpfs t /var/log && echo ready && exec cat"
V4, V6 = "10.244.1.0/24", "fd00:10:244:1::/64"
HOST4, HOST6 = "10.0.1.1", "fd00:1::1"


def wait_until(fact, within=10):
    """Looks every 10 ms, for so many seconds."""
    end = time.monotonic() + within
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.01)


def ipam(*subnets, **more):
    """The `ipam` section for slash32-ipam with one range a subnet."""
    return {"type": "slash32-ipam", "ranges": [[{"subnet": subnet}] for subnet in subnets], **more}


def conf(version="1.1.0", section=None, name="k8s", **more):
    """A network configuration as a runtime hands it to the plugin."""
    return {"cniVersion": version, "name": name, "type": "slash32", "ipam": section or ipam(V4, V6), **more}


class Answer:
    """How one call of the plugin ended."""

    def __init__(self, process):
        self.code = process.returncode
        self.text = process.stdout
        self.errors = process.stderr
        self.json = json.loads(process.stdout) if process.stdout else None

    @property
    def ok(self):
        return self.code == 0

    @property
    def addresses(self):
        """Without their lengths."""
        return [ip["address"].split("/")[0] for ip in self.json["ips"]]

    @property
    def host_link(self):
        return next(i["name"] for i in self.json["interfaces"] if not i.get("sandbox"))

    def __repr__(self):
        return f"exit {self.code}: {self.text} {self.errors}"


class World:
    """A node. Use as a context manager."""

    def __init__(self, uplink=True):
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--mount", "--propagation", "private",
             "sh", "-c", CLOSED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout.readline() == "ready\n"
        self.ip("link set lo up")
        if uplink:
            self.ip("link add up0 type veth peer name up1")
            self.ip(f"addr add {HOST4}/24 dev up0")
            self.ip(f"addr add {HOST6}/64 dev up0 nodad")
            self.ip("link set up0 up")
            self.ip("link set up1 up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdin.close()
        self._holder.stdout.close()

    def inside(self, *argv):
        """The command line that runs argv in this node."""
        return ["nsenter", "-t", str(self._holder.pid), "--net", "--mount", "--", *argv]

    def run(self, *argv, check=True, **more):
        """Runs a program in the node."""
        done = subprocess.run(self.inside(*argv), capture_output=True, text=True, timeout=60, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def sh(self, script, check=True):
        return self.run("sh", "-c", script, check=check)

    def ip(self, words, check=True):
        return self.run("ip", *words.split(), check=check).stdout

    def show(self, words, pod=None):
        """`ip -j` output as data."""
        text = self.run("ip", *(["-n", pod] if pod else []), "-j", *words.split()).stdout
        return json.loads(text or "[]")

    def pod(self, name):
        """A fresh namespace; returns its path."""
        self.ip(f"netns add {name}")
        return f"/run/netns/{name}"

    def in_pod(self, pod, *argv, check=True):
        return self.run("ip", "netns", "exec", pod, *argv, check=check)

    def pings(self, target, pod=None):
        """Whether the one ping that goes out comes back, from the node or from a pod, however busy the machine is."""
        argv = ["ping", "-n", "-q", "-c", "1", "-W", "10", target]
        done = self.in_pod(pod, *argv, check=False) if pod else self.run(*argv, check=False)
        return done.returncode == 0

    def environment(self, verb, cid="", netns="", ifname="eth0", **more):
        """CNI's variables as libcni sets them."""
        return {**os.environ, "CNI_COMMAND": verb, "CNI_CONTAINERID": cid, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
                "CNI_ARGS": "", "CNI_PATH": f"{BIN}:{FOREIGN}", **more}

    def cni(self, verb, cid="", pod="", network=None, ifname="eth0", program="slash32", **env):
        """One call of the plugin. `pod` is a namespace's name or a path."""
        netns = pod if not pod or pod.startswith("/") else f"/run/netns/{pod}"
        text = network if isinstance(network, str) else json.dumps(network or conf())
        return Answer(subprocess.run(self.inside(f"{BIN}/{program}"), input=text, capture_output=True, text=True,
                                     timeout=60, env=self.environment(verb, cid, netns, ifname, **env)))

    def add(self, cid, pod, network=None, **more):
        """ADD that must succeed; makes the namespace when it is not there."""
        if not os.path.isabs(pod) and self.run("test", "-e", f"/run/netns/{pod}", check=False).returncode != 0:
            self.pod(pod)
        answer = self.cni("ADD", cid, pod, network, **more)
        assert answer.ok, answer
        return answer

    def snapshot(self):
        """Everything of the node's network that a verb could leave behind, comparable. Counters and flags that change by
        themselves are left out."""
        links = sorted((l["ifname"], "UP" in l["flags"], l.get("ifalias", "")) for l in self.show("link"))
        addresses = sorted((l["ifname"], a["local"]) for l in self.show("addr") for a in l["addr_info"]
                           if l["ifname"].startswith("s32") or not a["local"].startswith("fe80"))
        routes = sorted(json.dumps(r, sort_keys=True) for family in ("-4", "-6")
                        for r in self.show(f"{family} route show table all") if r.get("dev", "").startswith("s32")
                        or str(r.get("protocol", "")) in ("132", "slash32-pod"))
        neighbours = sorted((n["dst"], n.get("dev")) for n in self.show("neigh show nud permanent"))
        return {"links": links, "addresses": addresses, "routes": routes, "neighbours": neighbours}

    def log(self):
        return self.run("cat", "/var/log/slash32/cni.log", check=False).stdout
