"""Bad configuration changes nothing and names its place, on ADD and CHECK with code 7."""

import pytest

from world import V4, conf, ipam

MISTAKES = [
    (conf(typo=1), "/typo: unknown key"),
    (conf(mtu="1500"), "/mtu: must be an integer"),
    (conf(mtu=67), "/mtu: must be an integer from 68"),
    (conf(gateway="169.254.1.1"), "/gateway: must be an object"),
    (conf(gateway={"v4": "fe80::1"}), "/gateway/v4: must be an IPv4 address"),
    (conf(gateway={"v4": "169.254.1.1.1"}), "/gateway/v4: "),
    (conf(gateway={"v5": "::"}), "/gateway/v5: unknown key"),
    (conf(hostSource={"v6": "10.0.0.1"}), "/hostSource/v6: must be an IPv6 address"),
    (conf(antiSpoofing="yes"), "/antiSpoofing: must be true or false"),
    (conf(stateDir="relative"), "/stateDir: must be an absolute path"),
    (conf(log={"level": "loud"}), "/log/level: must be debug, info, warn or error"),
    (conf(log={"maxSize": 1}), "/log/maxSize: must be an integer"),
    (conf(dns={"nameservers": "x"}), "/dns/nameservers: must be an array"),
    ({"cniVersion": "1.1.0", "name": "k8s", "type": "slash32"}, '/: "ipam" is missing'),
    (conf(section={"ranges": []}), '/ipam: "type" is missing'),
    (conf(section={"type": "../x"}), "/ipam/type: must be a plugin's name"),
    (conf(section=ipam(V4, dataDir=7)), "/ipam/dataDir"),
    (conf(section=ipam(V4, typo=7)), "/ipam/typo: unknown key"),
    (conf(section=ipam("10.244.1.1/24")), "/ipam/ranges/0/0/subnet"),
]


@pytest.mark.parametrize("network, complaint", MISTAKES, ids=[complaint for _, complaint in MISTAKES])
def test_a_mistake_is_named_by_its_path_and_nothing_changes(world, network, complaint):
    world.pod("p1")
    before = world.snapshot()
    for verb in ("ADD", "CHECK"):
        answer = world.cni(verb, "c1", "p1", network)
        assert answer.code == 1 and answer.json["code"] == 7, answer
        assert complaint in answer.json["msg"]
    assert world.snapshot() == before
    assert world.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"


def test_masquerading_is_refused_as_unsupported_rather_than_ignored(world):
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", conf(ipMasq=True))
    assert answer.json["code"] == 2 and "/ipMasq" in answer.json["msg"]


def test_keys_of_the_specification_and_of_runtimes_pass(world):
    world.add("c1", "p1", conf(capabilities={"ips": True, "portMappings": True}, args={"cni": {"ips": ["10.244.1.9"]}},
                               runtimeConfig={"portMappings": [{"HostPort": 1}], "bandwidth": {}}, ipMasq=False,
                               dns={"nameservers": ["192.0.2.53"]}, disableCheck=False, disableGC=True,
                               cniVersions=["1.0.0", "1.1.0"], deviceID="x", pciBusID="y", _comment="z",
                               **{"x-mine": 1, "cni.dev/foo": 2}))


def test_not_json_is_code_6_and_a_bad_environment_code_4(world):
    world.pod("p1")
    assert world.cni("ADD", "c1", "p1", "{").json["code"] == 6
    answer = world.cni("ADD", "-bad", "p1", CNI_PATH="")
    assert answer.json["code"] == 4 and "CNI_CONTAINERID" in answer.json["msg"] and "CNI_PATH" in answer.json["msg"]


@pytest.mark.parametrize("netns", ["/run/netns/never", "/etc/passwd", "/proc/self/ns/mnt"])
def test_what_is_no_network_namespace_is_code_8(world, netns):
    answer = world.cni("ADD", "c1", netns)
    assert answer.json["code"] == 8 and netns in answer.json["msg"]


def test_its_own_namespace_is_code_8(world):
    assert world.cni("ADD", "c1", "/proc/self/ns/net").json["code"] == 8
