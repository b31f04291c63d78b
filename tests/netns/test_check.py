"""CHECK: right after ADD it is content; after each kind of damage it names what is missing."""

import pytest

from world import V4, V6, conf, ipam

DAMAGE = {
    "pod link gone": ("p1", "ip -n p1 link del eth0", "eth0 is missing in the pod"),
    "pod link down": ("p1", "ip -n p1 link set eth0 down", "is down"),
    "pod address gone": ("p1", "ip -n p1 addr del {0}/32 dev eth0", "address {0} is missing"),
    "pod IPv6 address gone": ("p1", "ip -n p1 addr del {1}/128 dev eth0", "address {1} is missing"),
    "pod default route gone": ("p1", "ip -n p1 route del default", "default route via 169.254.1.1"),
    "pod default route changed": ("p1", "ip -n p1 -6 route replace default dev eth0", "default route via fe80::1"),
    "gateway entry gone": ("p1", "ip -n p1 neigh del 169.254.1.1 dev eth0", "neighbour entry 169.254.1.1"),
    "host route gone": ("p1", "ip route del {0}", "host route {0}/32 is missing"),
    "IPv6 host route gone": ("p1", "ip -6 route del {1}", "host route {1}/128 is missing"),
    "host route changed": ("p1", "ip route replace {0} dev up0 proto 132 metric 64", "does not lead to the pod's link"),
    "host neighbour gone": ("p1", "ip neigh del {0} dev {link}", "neighbour entry {0}"),
    "alias changed": ("p1", "ip link set {link} alias hello", "has alias"),
    "host MAC changed": ("p1", "ip link set {link} address 02:00:00:00:00:01", "does not have MAC"),
    "fe80::1 gone": ("p1", "ip addr del fe80::1/64 dev {link}", "address fe80::1 is missing"),
    "forwarding off": ("p1", "echo 0 > /proc/sys/net/ipv4/ip_forward", "ip_forward is 0"),
    "anti-spoofing gone": ("p1", "nft delete table inet slash32", "nftables table inet slash32"),
    "anti-spoofing chain gone": ("p1", "nft flush chain inet slash32 pods-source && nft delete chain inet slash32 "
                                       "pods-source", "nftables table inet slash32"),
    "anti-spoofing rule gone": ("p1", "nft flush table inet slash32", "nftables table inet slash32"),
    "allocation gone": ("p1", "rm -rf /run/slash32/ipam", ""),
}


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
@pytest.mark.parametrize("subnets", [[V4], [V6], [V4, V6]])
def test_check_right_after_add_is_content(world, version, subnets):
    network = conf(version, ipam(*subnets))
    answer = world.add("c1", "p1", network)
    checked = world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json})
    assert checked.ok and not checked.text, checked


@pytest.mark.parametrize("name", DAMAGE)
def test_check_names_the_damage(world, name):
    pod, command, complaint = DAMAGE[name]
    answer = world.add("c1", pod)
    places = {"link": answer.host_link}
    world.sh(command.format(*answer.addresses, **places))
    checked = world.cni("CHECK", "c1", pod, {**conf(), "prevResult": answer.json})
    assert checked.code == 1, "CHECK did not see it"
    assert complaint.format(*answer.addresses, **places) in checked.json["msg"]


def test_check_without_prev_result_or_of_another_pod_is_an_error(world):
    answer = world.add("c1", "p1")
    world.add("c2", "p2")
    assert "prevResult" in world.cni("CHECK", "c1", "p1").json["msg"]
    assert not world.cni("CHECK", "c2", "p2", {**conf(), "prevResult": answer.json}).ok


def test_check_tolerates_what_a_chained_plugin_adds(world):
    answer = world.add("c1", "p1")
    world.sh("ip -n p1 addr add 192.0.2.9/32 dev eth0; ip -n p1 route add 198.51.100.0/24 via 169.254.1.1 dev eth0")
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": answer.json}).ok


def test_check_tolerates_what_a_chained_plugin_added_to_the_result(world):
    result = world.add("c1", "p1").json
    result["ips"].append({"address": "192.0.2.9/24", "interface": 1})
    result["dns"] = {"nameservers": ["192.0.2.53"]}
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": result}).ok


def test_check_goes_by_the_gateway_the_pod_got(world):
    result = world.add("c1", "p1").json
    today = conf(gateway={"v4": "169.254.7.7", "v6": "fe80::7"})
    checked = world.cni("CHECK", "c1", "p1", {**today, "prevResult": result})
    assert checked.ok, checked


def test_check_exists_since_0_4_0(world):
    answer = world.add("c1", "p1", conf("0.3.1"))
    assert world.cni("CHECK", "c1", "p1", {**conf("0.3.1"), "prevResult": answer.json}).json["code"] == 1
