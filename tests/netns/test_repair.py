"""`slash32ctl repair`: after a host end was taken down and up, CHECK is content again and traffic flows; what is another's
stays as it is."""

import json

import pytest

from world import BIN, HOST4, HOST6, V4, V6, World, conf, ipam

FAMILIES = {"IPv4": [V4], "IPv6": [V6], "dual": [V4, V6]}


def repair(world, *argv):
    return world.run(f"{BIN}/slash32ctl", "repair", *argv, check=False)


def actions(done):
    return [(a["what"], a["outcome"]) for pod in json.loads(done.stdout)["pods"] for a in pod["actions"]]


def down_and_up(world, link):
    world.sh(f"ip link set {link} down; ip link set {link} up")


def content(world, answer, network, cid="c1", pod="p1", **more):
    return world.cni("CHECK", cid, pod, {**network, "prevResult": answer.json}, **more)


def flows(world, answer, pod="p1"):
    return all(world.pings(a) and world.pings(HOST6 if ":" in a else HOST4, pod=pod) for a in answer.addresses)


@pytest.mark.parametrize("families", FAMILIES)
def test_repair_puts_back_what_down_and_up_took(world, families):
    network = conf(section=ipam(*FAMILIES[families]))
    answer = world.add("c1", "p1", network)
    before = world.snapshot()
    down_and_up(world, answer.host_link)
    assert not content(world, answer, network).ok and world.snapshot() != before
    done = repair(world)
    assert done.returncode == 0, done
    assert world.snapshot() == before
    checked = content(world, answer, network)
    assert checked.ok, checked
    assert flows(world, answer)
    again = repair(world, "--json")
    assert again.returncode == 0 and actions(again) == []


def test_repair_of_one_pod_leaves_the_others_alone(world):
    answers = {cid: world.add(cid, f"p{cid}") for cid in ("c1", "c2")}
    for answer in answers.values():
        down_and_up(world, answer.host_link)
    for pod in ("c2", answers["c2"].host_link, answers["c2"].addresses[1]):
        done = repair(world, pod)
        assert done.returncode == 0 and answers["c1"].host_link not in done.stdout, done
        assert content(world, answers["c2"], conf(), "c2", "pc2").ok
        assert not content(world, answers["c1"], conf(), "c1", "pc1").ok
    for wrong in ("c", "c3", "10.9.9.9", "up0"):
        assert repair(world, wrong).returncode == 1, wrong
    assert repair(world, "").returncode == 2


def test_repair_gives_addresses_their_names_again(world):
    """Pods of an earlier slash32 have none; a name that a live link has is not taken."""
    answer = world.add("c1", "p1")
    names = world.show(f"link show {answer.host_link}")[0]["altnames"]
    for name in names:
        world.ip(f"link property del dev {answer.host_link} altname {name}")
    done = repair(world, "--json")
    assert done.returncode == 0 and [what.split()[0] for what, _ in actions(done)] == ["name", "name"], done
    assert world.show(f"link show {answer.host_link}")[0]["altnames"] == names
    world.ip(f"link property del dev {answer.host_link} altname {names[0]}")
    world.ip(f"link property add dev up0 altname {names[0]}")
    done = repair(world)
    assert done.returncode == 1 and "conflict: name" in done.stdout and "up0" in done.stdout, done


def test_names_are_found_without_the_right_to_bind_sockets_to_devices(world):
    world.add("c1", "p1")
    done = world.run("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", f"{BIN}/slash32ctl", "repair", "--json",
                     check=False)
    assert done.returncode == 0 and actions(done) == [], done


def test_a_dry_run_says_all_and_changes_nothing(world):
    answer = world.add("c1", "p1")
    down_and_up(world, answer.host_link)
    before = world.snapshot()
    done = repair(world, "--dry-run", "--json")
    assert done.returncode == 1 and world.snapshot() == before
    v4, v6 = answer.addresses
    assert actions(done) == [(what, "planned") for what in (
        "address fe80::1/64", f"neighbour entry {v4}", f"neighbour entry {v6}", f"route {v4}/32", f"route {v6}/128")]
    assert actions(repair(world, "--json")) == [(what, "done") for what, _ in actions(done)]
    assert repair(world, "--dry-run").returncode == 0


def test_a_foreign_route_in_the_place_stays_and_is_told(world):
    network = conf(section=ipam(V4))
    answer = world.add("c1", "p1", network)
    down_and_up(world, answer.host_link)
    world.ip(f"route add {answer.addresses[0]}/32 dev up0 proto static metric 64")
    done = repair(world)
    assert done.returncode == 1 and "conflict: route" in done.stdout and "dev up0" in done.stdout, done
    routes = world.show(f"route show {answer.addresses[0]}")
    assert [r["dev"] for r in routes] == ["up0"]
    assert world.show(f"neigh show dev {answer.host_link} nud permanent"), "the rest is back"


def put_in_place(world, network):
    """The network's file; the directory it is in."""
    plugin = {k: v for k, v in network.items() if k not in ("cniVersion", "name")}
    world.run("mkdir", "-p", "/run/confs")
    world.run("tee", "/run/confs/10-k8s.conflist",
              input=json.dumps({"cniVersion": "1.1.0", "name": "k8s", "plugins": [plugin]}))
    return "/run/confs"


def test_the_macs_and_settings_come_back_as_they_were(world):
    args = "IP=10.244.1.79;MAC=02:00:00:aa:bb:cc"
    confs = put_in_place(world, conf())
    answer = world.add("c1", "p1", CNI_ARGS=args)
    link = answer.host_link
    down_and_up(world, link)
    world.sh(f"ip link set {link} address 02:00:00:00:00:01; echo 0 > /proc/sys/net/ipv4/conf/{link}/forwarding;"
             f"echo 2 > /proc/sys/net/ipv4/conf/{link}/rp_filter; echo 1 > /proc/sys/net/ipv6/conf/{link}/accept_ra;"
             f"echo 80 > /proc/sys/net/ipv4/neigh/{link}/proxy_delay")
    done = repair(world, "--json", "--conf-dir", confs)
    assert done.returncode == 0, done
    assert actions(done)[:2] == [("settings forwarding, rp_filter, proxy_delay, accept_ra", "done"),
                                 ("MAC ee:ee:ee:ee:ee:ee", "done")]
    checked = content(world, answer, conf(), CNI_ARGS=args)
    assert checked.ok, checked
    assert world.show(f"neigh show {answer.addresses[0]} dev {link}")[0]["lladdr"] == "02:00:00:aa:bb:cc"
    assert flows(world, answer)


def test_settings_that_the_configuration_has_otherwise_are_not_wrong(world):
    network = conf(hostSysctl={"net.ipv4.conf.IFNAME.rp_filter": 2})
    answer = world.add("c1", "p1", network)
    confs = put_in_place(world, network)
    assert actions(repair(world, "--json", "--conf-dir", confs)) == []
    world.sh(f"echo 0 > /proc/sys/net/ipv4/conf/{answer.host_link}/forwarding")
    assert actions(repair(world, "--json", "--conf-dir", confs)) == [("settings forwarding", "done")]
    assert content(world, answer, network).ok, "rp_filter is 2 as before"


def test_nothing_is_changed_by_guess_where_the_networks_configuration_is_not_found(world):
    network = conf(gateway={"v6": "fe80::7"}, hostSysctl={"net.ipv4.conf.IFNAME.rp_filter": 2})
    answer = world.add("c1", "p1", network)
    link, before = answer.host_link, world.snapshot()
    note = "network k8s is not configured in /nowhere: "
    for argv in ((), ("--dry-run",)):
        done = repair(world, "--json", "--conf-dir", "/nowhere", *argv)
        assert done.returncode == 0 and actions(done) == [], done
        assert done.stderr.count(note) == 1 and [n.startswith(note) for n in json.loads(done.stdout)["notes"]] == [True]
    world.sh(f"echo 0 > /proc/sys/net/ipv4/conf/{link}/forwarding; ip route del {answer.addresses[0]}/32")
    done = repair(world, "--json", "--conf-dir", "/nowhere")
    assert actions(done) == [("settings forwarding", "done"), (f"route {answer.addresses[0]}/32", "done")]
    assert world.run("cat", f"/proc/sys/net/ipv4/conf/{link}/rp_filter").stdout == "2\n"
    assert world.snapshot() == before
    assert content(world, answer, network).ok and flows(world, answer)
    known = repair(world, "--json", "--conf-dir", put_in_place(world, network))
    assert actions(known) == [] and json.loads(known.stdout)["notes"] == [] and known.stderr == ""


def test_gateway_and_source_are_the_configurations(world):
    network = conf(gateway={"v6": "fe80::7"}, hostSource={"v4": "10.0.1.9", "v6": "fd00:1::9"})
    world.sh("ip addr add 10.0.1.9/24 dev up0; ip addr add fd00:1::9/64 dev up0 nodad")
    answer = world.add("c1", "p1", network)
    before = world.snapshot()
    confs = put_in_place(world, network)
    down_and_up(world, answer.host_link)
    done = repair(world, "--conf-dir", confs)
    assert done.returncode == 0, done
    assert world.snapshot() == before
    assert content(world, answer, network).ok and flows(world, answer)


def test_the_source_is_pinned_where_the_kernel_would_take_a_bridges():
    with World(uplink=False) as world:
        world.sh("ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up; "
                 f"ip link add up0 type veth peer name up1; ip addr add {HOST4}/24 dev up0; "
                 "ip link set up0 up; ip link set up1 up")
        network = conf(section=ipam(V4))
        answer = world.add("c1", "p1", network)
        before = world.snapshot()
        down_and_up(world, answer.host_link)
        assert repair(world).returncode == 0
        assert world.snapshot() == before
        assert world.show(f"route show {answer.addresses[0]}")[0]["prefsrc"] == HOST4


def test_a_link_that_is_down_stays_down(world):
    answer = world.add("c1", "p1")
    world.ip(f"link set {answer.host_link} down")
    done = repair(world)
    assert done.returncode == 1 and "is down" in done.stdout, done
    assert "UP" not in world.show(f"link show {answer.host_link}")[0]["flags"]


def test_a_second_interface_is_repaired_as_the_first(world):
    second = conf(section=ipam("10.78.0.0/24"), name="second")
    world.add("c1", "p1")
    answer = world.add("c1", "p1", second, ifname="net1")
    for link in [l["ifname"] for l in world.show("link") if l["ifname"].startswith("s32")]:
        down_and_up(world, link)
    assert repair(world, "c1").returncode == 0
    checked = world.cni("CHECK", "c1", "p1", {**second, "prevResult": answer.json}, ifname="net1")
    assert checked.ok, checked
