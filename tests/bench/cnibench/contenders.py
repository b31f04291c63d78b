"""Who is measured: a CNI plugin, or the bare kernel work. And what each leaves in the kernel, to compare them."""

import json
import os
import re

from cnibench.programs import launch, sh


class Contender:
    """One way to wire pods. Pod number i has a namespace of its own, made beforehand."""

    def __init__(self, name):
        self.name = name
        self.adds = []  # (wall ms, CPU ms)
        self.dels = []

    def pod(self, i):
        return f"{self.name}-{i}"

    def netns(self, i):
        return f"/run/netns/{self.pod(i)}"


class Plugin(Contender):
    """A CNI plugin."""

    def __init__(self, name, program, network, path):
        super().__init__(name)
        self.program, self.path = program, path
        self.conf = f"/run/{name}.json"
        with open(self.conf, "w", encoding="utf-8") as file:
            json.dump(network, file)

    def environment(self, verb, i):
        return {"CNI_COMMAND": verb, "CNI_CONTAINERID": self.pod(i), "CNI_PATH": self.path, "CNI_NETNS": self.netns(i),
                "CNI_IFNAME": "eth0", "PATH": os.environ["PATH"]}

    def call(self, verb, i):
        return launch([self.program], self.conf, self.environment(verb, i))[:2]

    def add(self, i):
        return self.call("ADD", i)

    def delete(self, i):
        return self.call("DEL", i)

    def shot(self, i):
        """ADD as a line for volley."""
        words = [f"{key}={value}" for key, value in self.environment("ADD", i).items()]
        return "\t".join([self.conf, *words, "--", self.program])


class Floor(Contender):
    """The bare kernel work of an ADD, and of a DEL."""

    def __init__(self, name, floors, dual):
        super().__init__(name)
        self.program, self.removal, self.dual = f"{floors}/kernel_floor", f"{floors}/removal_floor", dual

    def link(self, i):
        return f"flr{i:012x}"

    def arguments(self, i):
        v4, v6 = f"10.246.{i // 250}.{i % 250 + 1}", f"fd00:10:246::{i + 1:x}"
        alias = f"s32:1:bench:{self.pod(i)}:eth0:{v4}:{v6 if self.dual else ''}"
        return [self.program, self.netns(i), self.link(i), alias, v4] + ([v6] if self.dual else [])

    def add(self, i):
        return launch(self.arguments(i))[:2]

    def delete(self, i):
        """An exec of an empty static program, and the time until both names are gone."""
        empty, cpu, _ = launch([self.removal])
        _, more, printed = launch([self.removal, self.link(i), self.netns(i), "eth0"])
        return empty + int(printed) / 1e3, cpu + more

    def shot(self, i):
        return "\t".join(["/dev/null", "--", *self.arguments(i)])


def kernel_state(contender, i):
    """What stands in the kernel for one pod, with its own names and addresses replaced by what they are."""
    listing = json.loads(sh("ip -j -d link show"))
    link = next(l for l in listing if f":{contender.pod(i)}:" in l.get("ifalias", ""))
    name, alias = link["ifname"], link["ifalias"].split(":")
    inside = f"ip -n {contender.pod(i)} -d"
    text = "\n".join([
        f"names {sorted(len(name) for name in link.get('altnames', []))}",
        f"alias {link['ifalias'].replace(contender.pod(i), 'POD')} group {link.get('group')}",
        f"{link['address']} mtu {link['mtu']} {sorted(link['flags'])} addrgen {link.get('inet6_addr_gen_mode')}",
        sh(f"ip netns exec {contender.pod(i)} sh -c 'cd /proc/sys/net/ipv6/conf; for f in lo/disable_ipv6 "
           "eth0/disable_ipv6 eth0/accept_ra eth0/accept_dad eth0/forwarding; do echo pod $f $(cat $f); done'"),
        sh(f"ip -N route show dev {name}; ip -6 -N route show dev {name}; ip neigh show dev {name} nud permanent; "
           f"ip -o addr show dev {name} | sed 's/^[0-9]*: //'; cd /proc/sys/net; for f in ipv4/conf/{name}/forwarding "
           f"ipv4/conf/{name}/proxy_arp ipv4/conf/{name}/rp_filter ipv4/neigh/{name}/proxy_delay "
           f"ipv6/conf/{name}/accept_ra; do echo $f $(cat $f); done"),
        sh(f"{inside} -o addr show dev eth0 | sed 's/^[0-9]*: //'; {inside} -N route; {inside} -6 -N route; "
           f"{inside} neigh show nud permanent; {inside} -o link show eth0 | grep -o 'mtu [0-9]*'")])
    v4, v6 = alias[5], ":".join(alias[6:])
    mac = "02:32:" + ":".join(f"{int(octet):02x}" for octet in v4.split("."))
    for value, stands_for in ((name, "HOSTLINK"), (v6, "POD6"), (v4, "POD4"), (mac, "PODMAC")):
        text = text.replace(value, stands_for) if value else text
    # Beside ptp's addresses on the node slash32 names the node's own as source of a route: more than the bare program does.
    text = re.sub(r" src (10\.0\.1\.1|fd00:1::1)\b", "", text)
    # Link-local addresses of both ends are the kernel's own and come, and stop being tentative, in its own time.
    text = re.sub(r"fe80::(32:|ecee:eeff:)[0-9a-f:]+", "LINKLOCAL", text)
    return sorted(line.strip() for line in text.splitlines() if "LINKLOCAL" not in line and "tentative" not in line)


def compare(ours, floor, numbers):
    """Ends the run when the bare program does not leave what slash32 leaves."""
    for i in numbers:
        refuse_difference(kernel_state(ours, i), kernel_state(floor, i))


def refuse_difference(left, right):
    if left != right:
        raise SystemExit("the bare program does not leave what slash32 leaves:\n" + "\n".join(
            ["- " + line for line in left if line not in right] + ["+ " + line for line in right if line not in left]))
