"""A node of its own for every fact: a network and a mount namespace with fresh /run, /var/lib and /var/log, an uplink with
a default route, and pods. It goes away with the process that holds the namespaces, and with us.
"""

import json
import os
import shutil
import subprocess

HIDDEN = ("/run", "/var/lib", "/var/log")  # fresh and empty in the node; a plugin directory cannot lie there
UPLINK = "up0"
SETUP = f"""set -e
for d in {' '.join(HIDDEN)}; do mount -t tmpfs node $d; done
mkdir -p /run/netns
ip -batch - <<END
link set lo up
link add {UPLINK} type veth peer name up1
addr add 192.0.2.1/24 dev {UPLINK}
addr add 2001:db8::1/64 dev {UPLINK} nodad
link set up1 up
link set {UPLINK} up
route add default via 192.0.2.254
route add ::/0 via 2001:db8::fe dev {UPLINK}
END
echo ready
exec cat
"""
USER_POD = """set -e
unshare --user --map-root-user --net sh -c 'echo $$; exec sleep 60' > /run/user-pod &
while ! [ -s /run/user-pod ]; do kill -0 $!; done
touch /run/netns/{name}
mount --bind /proc/$(cat /run/user-pod)/ns/net /run/netns/{name}
kill $(cat /run/user-pod)
wait || true
"""
VOLATILE = ("flags", "expires", "metrics", "pref")


class Node:
    """Use as a context manager."""

    def __init__(self):
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--mount", "--propagation", "private",
             "sh", "-c", SETUP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            problem = self._holder.stderr.read()
            self.__exit__()
            raise RuntimeError(f"cannot make a node: {problem.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._holder.kill()
        self._holder.wait()
        for stream in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            stream.close()

    def inside(self, argv):
        """The command line that runs argv in this node."""
        return ["nsenter", "-t", str(self._holder.pid), "--net", "--mount", "--", *argv]

    def run(self, *argv, check=True, **more):
        done = subprocess.run(self.inside(argv), capture_output=True, text=True, timeout=60, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def ip(self, words, pod=None, check=True):
        """`ip WORDS` in the node, or in the pod of that name."""
        return self.run("ip", *(["-n", pod] if pod else []), *words.split(), check=check)

    def show(self, words, pod=None):
        """`ip -j WORDS` as data."""
        entries = json.loads(self.run("ip", *(["-n", pod] if pod else []), "-j", "-d", *words.split()).stdout or "[]")
        return [e for e in entries if e]

    def pod(self, name):
        """A fresh network namespace; returns its path."""
        self.ip(f"netns add {name}")
        return f"/run/netns/{name}"

    def user_pod(self, name):
        """One that belongs to a user namespace, as rootless and user-namespaced pods have it."""
        self.run("sh", "-c", USER_POD.format(name=name))
        return f"/run/netns/{name}"

    def link(self, name, pod=None):
        """The link as `ip -j -d link` shows it, or None."""
        return next((l for l in self.show("link", pod) if l["ifname"] == name), None)

    def addresses(self, name, pod=None):
        """[("10.0.0.7", 32)] of one link."""
        return [(a["local"], a["prefixlen"]) for l in self.show("addr", pod) if l["ifname"] == name
                for a in l["addr_info"]]

    def routes(self, pod=None):
        """Of all tables but `local`, both families; "default" is written as a prefix."""
        out = []
        for family, default, bits in (("-4", "0.0.0.0/0", 32), ("-6", "::/0", 128)):
            for route in self.show(f"{family} route show table all", pod):
                if route.get("table") == "local" or route.get("type") in ("local", "broadcast", "anycast", "multicast"):
                    continue
                dst = default if route["dst"] == "default" else route["dst"]
                out.append({**route, "dst": dst if "/" in dst else f"{dst}/{bits}", "family": family})
        return out

    def snapshot(self, pod=None):
        """What a verb could leave behind, comparable: what changes by itself (flags, counters, addresses that the kernel
        makes up) is left out."""
        links = sorted((l["ifname"], l.get("ifalias", ""), l.get("master", "")) for l in self.show("link", pod))
        addresses = sorted((l["ifname"], a["local"], a["prefixlen"]) for l in self.show("addr", pod)
                           for a in l["addr_info"] if not a["local"].startswith("fe80"))
        routes = sorted(json.dumps({k: v for k, v in r.items() if k not in VOLATILE}, sort_keys=True)
                        for r in self.routes(pod) if not r["dst"].startswith(("fe80:", "ff00:")))
        neighbours = sorted((n["dst"], n.get("dev")) for n in self.show("neigh show nud permanent", pod))
        rules = sorted(json.dumps(r, sort_keys=True) for f in ("-4", "-6") for r in self.show(f"{f} rule show", pod))
        out = {"links": links, "addresses": addresses, "routes": routes, "neighbours": neighbours, "rules": rules}
        if not pod and shutil.which("nft"):
            out["nftables"] = self.run("nft", "-s", "list", "ruleset", check=False).stdout.splitlines()
        return out

    def answers(self, address, pod=None):
        """Whether the address answers a TCP connection from the node or a pod, be it with a refusal."""
        script = ("import socket,sys\ns=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
                  "s.settimeout(3)\ntry: s.connect((sys.argv[1],9))\nexcept ConnectionRefusedError: pass\n")
        argv = ["ip", "netns", "exec", pod] if pod else []
        return self.run(*argv, "python3", "-c", script, address, check=False).returncode == 0


def difference(before, after):
    """The first few entries that differ between two snapshots, as text; "" when none does."""
    out = []
    for part in before:
        out += [f"{part}: {entry} is left" for entry in after[part] if entry not in before[part]]
        out += [f"{part}: {entry} is missing" for entry in before[part] if entry not in after[part]]
    return "; ".join(out[:3])


def cannot_run():
    """Why this machine cannot run the suite, or ""."""
    if os.geteuid() != 0:
        return "must be root: every fact is tried in network namespaces of its own"
    missing = [p for p in ("ip", "unshare", "nsenter", "setpriv", "mount") if not shutil.which(p)]
    return f"missing programs: {', '.join(missing)} (Debian: iproute2, util-linux)" if missing else ""
