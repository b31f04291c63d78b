"""The node the harness works on, seen from inside: a network, mount and PID namespace of this process's own, with an
uplink, one pod that lives all along (the witness) and the namespace of the pod that is made and unmade.

Being in the namespaces ourselves saves a program per call: there are tens of thousands.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import time

from kernel_state import Namespace

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("SLASH32_BIN") or os.path.join(REPOSITORY, "build/release/bin")
FOREIGN = os.environ.get("CNI_PLUGINS") or "/usr/lib/cni"
TRACER = os.environ.get("CALL_TRACER") or os.path.join(REPOSITORY, "build/dev/bin/call_tracer")
V4, V6 = "10.244.1.0/24", "fd00:10:244:1::/64"
STORE, HOST_LOCAL, FOUND = "/run/slash32/ipam", "/run/host-local", "/var/lib/slash32/found.json"
FORWARDING = {"/proc/sys/net/ipv4/ip_forward": "0", "/proc/sys/net/ipv6/conf/all/forwarding": "0"}
PATIENCE = 2  # seconds that what has been told to go may take to be gone (a link's removal waits for RCU)
SETUP = """
mount -t tmpfs t /run && mkdir -p /run/netns /run/slash32 && mount -t tmpfs t /var/lib && mount -t tmpfs t /var/log
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
ip link set lo up
ip link add up0 type veth peer name up1
ip link set up0 addrgenmode none; ip link set up1 addrgenmode none
ip addr add 10.0.1.1/24 dev up0; ip -6 addr add fd00:1::1/64 dev up0 nodad
ip link set up0 up; ip link set up1 up
ip netns add witness; ip netns add pod
"""


def _runs_a_plugin(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "slash32"
    except OSError:  # it is ending, or has ended meanwhile: of the namespace's processes none is the kernel's
        return True


class Failed(AssertionError):
    """What must hold does not."""


def network(families="4", foreign=False, more=None):
    """The configuration of a case: "4", "46"; host-local gives the addresses when `foreign`; `more` keys."""
    subnets = [{"4": V4, "6": V6}[family] for family in families]
    section = {"type": "host-local", "dataDir": HOST_LOCAL} if foreign else {"type": "slash32-ipam"}
    section["ranges"] = [[{"subnet": subnet}] for subnet in subnets]
    return {"cniVersion": "1.0.0" if foreign else "1.1.0", "name": "k8s", "type": "slash32", "ipam": section, **(more or {})}


def environment(verb, container="", netns=""):
    """CNI's variables; the pod's namespace has its container's name if no other is said."""
    env = {"CNI_COMMAND": verb, "CNI_PATH": f"{BIN}:{FOREIGN}", "PATH": os.environ["PATH"],
           "GOMAXPROCS": "1"}  # a Go delegate's threads: their number of calls varies less
    if verb not in ("GC", "STATUS"):
        env.update(CNI_CONTAINERID=container, CNI_NETNS=f"/run/netns/{netns or container}", CNI_IFNAME="eth0")
    return env


class Run:
    """How one call of the plugin ended."""

    def __init__(self, code, output, report=None):
        self.code, self.output = code, output
        self.calls = report["calls"] if report else []

    @property
    def ok(self):
        return self.code == 0

    @property
    def document(self):
        try:
            return json.loads(self.output)
        except ValueError:
            return None

    def __repr__(self):
        return f"exit {self.code}: {self.output.decode(errors='replace').strip()}"


def difference(what, before, now):
    if not isinstance(before, list):
        return f"{what} were {before}, are {now}"
    return f"{what}: gone {[one for one in before if one not in now]}, new {[one for one in now if one not in before]}"


def pod_namespace(name):
    """Its kernel state: sockets stay where they were opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(there, 0) != 0:
            raise OSError(ctypes.get_errno(), f"enter {name}")
        return Namespace(with_nftables=False)
    finally:
        if libc.setns(home, 0) != 0:
            os.abort()
        os.close(home)
        os.close(there)


class Node:
    def __init__(self, conf, cold=False):
        subprocess.run(["sh", "-ec", SETUP], check=True)
        self.conf, self.cold = conf, cold
        self.foreign = conf["ipam"]["type"] != "slash32-ipam"
        self._host, self._pod = Namespace(), pod_namespace("pod")
        self.ok("ADD", "witness")
        self.ok("ADD")  # everything that the first ADD of a node leaves for good is there now
        self.ok("DEL")
        self._wait_for_local_routes()
        self.before = self.state()

    @staticmethod
    def _wait_for_local_routes():
        """Each IPv6 address gets its own from a worker of the kernel, some time after it was added."""
        end = time.monotonic() + 20
        while True:
            shown = [subprocess.run(["ip", "-6", "-j", *words], check=True, capture_output=True).stdout or b"[]"
                     for words in (["addr", "show"], ["route", "show", "table", "local"])]
            links, routes = map(json.loads, shown)
            addresses = {(link["ifname"], one["local"]) for link in links if link for one in link["addr_info"]}
            if addresses <= {(route["dev"], route["dst"]) for route in routes}:
                return
            if time.monotonic() > end:
                raise Failed(f"addresses without a local route: {addresses}")
            time.sleep(0.02)

    # ---- calls of the plugin

    def input(self, verb, container):
        """What the plugin reads: for GC `container` is one more that is valid."""
        conf = dict(self.conf)
        if verb == "GC":
            valid = [{"containerID": name, "ifname": "eth0"} for name in ("witness", container) if name]
            conf.update({"cniVersion": "1.1.0", "cni.dev/valid-attachments": valid})
        return json.dumps(conf).encode()

    def call(self, verb, container="pod", tracer=(), **more):
        """One call. `tracer`: the arguments that make it a traced one."""
        text = self.input(verb, container)
        if more:
            text = json.dumps({**json.loads(text), **more}).encode()
        done = subprocess.run([*tracer, f"{BIN}/slash32"], input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=environment(verb, container), timeout=60, check=False)
        return Run(done.returncode, done.stdout)

    def traced(self, verb, container="pod", kill=None, spare_children=False, stop=None, fail=()):
        words = [TRACER, "--report", "/run/report"]
        words += ["--kill", str(kill)] if kill else []
        words += ["--spare-children"] if spare_children else []
        words += ["--stop", str(stop)] if stop else []
        for number, error in fail:
            words += ["--fail", f"{number}={error}"]
        run = self.call(verb, container, tracer=[*words, "--"])
        with open("/run/report", encoding="utf-8") as file:
            run.calls = json.load(file)["calls"]
        return run

    def count_by_strace(self, verb, container="pod"):
        """How many system calls strace counts, by name."""
        self.call(verb, container, tracer=["strace", "-c", "-f", "-o", "/run/strace"])
        with open("/run/strace", encoding="utf-8") as file:
            rows = [line.split() for line in file if line[:1].isspace() and line.split()[-1] not in ("syscall", "total")]
        return {row[-1]: int(row[3]) for row in rows if row[3].isdigit()}

    def ok(self, verb, container="pod", **more):
        run = self.call(verb, container, **more)
        if not run.ok:
            raise Failed(f"{verb} of {container or 'nobody'} failed: {run}")
        return run

    def gc(self):
        """What nobody claims goes; only the witness is claimed."""
        return self.ok("GC", "")

    # ---- what is there

    def state(self):
        """What stands, once every plugin has ended: DEL leaves the kernel's last 15 ms of a removal to a child."""
        give_up = time.monotonic() + 10
        while any(_runs_a_plugin(pid) for pid in self._processes()) and time.monotonic() < give_up:
            time.sleep(0.001)
        return {**{f"node's {kind}": value for kind, value in self._host.state().items()},
                **{f"pod's {kind}": value for kind, value in self._pod.state().items()},
                "named namespaces": sorted(os.listdir("/run/netns")), "processes": self._processes(),
                "allocations": self.allocations()}

    @staticmethod
    def _processes():
        """Everybody but us, and but those that have ended: orphans are ours to bury."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        return sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())

    def allocations(self):
        """Live ones, (address, container), as slash32ctl or host-local's directory shows them."""
        if self.foreign:
            return sorted((name, text.split()[0] if text else "") for name, text in self.leases())
        shown = subprocess.run([f"{BIN}/slash32ctl", "ipam", "show", "--json"], capture_output=True, check=False)
        if shown.returncode != 0:
            raise Failed(f"the store cannot be read: {shown.stderr.decode()}")
        return sorted((entry["address"], entry["containerId"]) for entry in json.loads(shown.stdout)["allocations"])

    def leases(self):
        """host-local's files: address and content."""
        directory = os.path.join(HOST_LOCAL, "k8s")
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            if name[0].isdigit() or ":" in name:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    yield name, file.read()

    def drop_nameless_leases(self):
        """host-local makes its file first and writes the owner then: killed between the two it loses the address, and
        its DEL cannot find it. Removes such files; how many."""
        nameless = [name for name, text in self.leases() if not text]
        for name in nameless:
            os.unlink(os.path.join(HOST_LOCAL, "k8s", name))
        return len(nameless)

    def differences(self):
        """What is not as it was before the pod; a node whose first ADD was killed may lack what that would have left."""
        now = self.state()
        what = {key for key in now if now[key] != self.before[key]}
        if self.cold and now["node's nftables"] in self._first_tables():
            what.discard("node's nftables")
        if self.cold and not now["allocations"]:  # no store yet: the witness's alias keeps its address
            what.discard("allocations")
        return {key: (self.before[key], now[key]) for key in what}

    def _first_tables(self):
        """What of the node's tables may be there when the first ADD was killed: they are made one after the other."""
        whole = self.before["node's nftables"]
        return [whole[:at] for at in (0, *(match.start() for match in re.finditer("^table ", whole, re.MULTILINE)))]

    def expect_as_before(self, when):
        end = time.monotonic() + PATIENCE
        while what := self.differences():
            if time.monotonic() > end:
                raise Failed(f"{when}: " + "; ".join(difference(key, *both) for key, both in sorted(what.items())))
            time.sleep(0.005)

    # ---- a node that has never seen an ADD

    def make_cold(self):
        """Takes away what the first ADD leaves for good."""
        shutil.rmtree(STORE, ignore_errors=True)
        shutil.rmtree(os.path.dirname(FOUND), ignore_errors=True)
        for table in re.findall(r"^table inet (slash32\S*) {", self._host.state()["nftables"], re.MULTILINE):
            subprocess.run(["nft", "delete", "table", "inet", table], check=True)
        for path, value in FORWARDING.items():
            with open(path, "w", encoding="ascii") as file:
                file.write(value)

    def expect_settings_recorded(self):
        """found.json says what there was before the first ADD, however often that was killed."""
        with open(FOUND, encoding="utf-8") as file:
            found = json.load(file)["settings"]
        wanted = {path: value for path, value in FORWARDING.items() if "ipv4" in path or len(self.conf["ipam"]["ranges"]) > 1}
        if found != wanted:
            raise Failed(f"found.json says {found}, found was {wanted}")
        left = [name for name in os.listdir(os.path.dirname(FOUND)) if name != "found.json"]
        if not self.foreign:
            left += [name for name in os.listdir(STORE) if name not in ("ipam.mdb", "ipam.stamp", "lock")]
        if left:
            raise Failed(f"files left behind: {left}")
