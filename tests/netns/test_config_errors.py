"""Bad configuration changes nothing and names its place, on ADD and CHECK with code 7."""

import json
import subprocess

import pytest

from world import BIN, V4, conf, ipam

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
    ({"cniVersion": "1.1.0", "name": "k8s", "type": "slash32"}, "/ipam: is missing"),
    (conf(section={"ranges": []}), "/ipam/type: is missing"),
    (conf(section={"type": "../x"}), "/ipam/type: must be a plugin's name"),
    (conf(section=ipam(V4, dataDir=7)), "/ipam/dataDir"),
    (conf(section=ipam(V4, typo=7)), "/ipam/typo: unknown key"),
    ({"cniVersion": "1.1.0", "name": "k8s", "ipam": ipam(V4)}, "/type: is missing"),
    (conf(capabilities={"ips": 1}), "/capabilities/ips: must be true or false"),
    (conf(dns=None), "/dns: must be an object"),
    (conf(stateDir="/a\0b"), "/stateDir: must not contain a zero byte"),
    (conf(section=ipam()), "/ipam/ranges: is empty"),
    (conf(section=ipam("::/64")), "/ipam/ranges/0/0/subnet: must be unicast"),
    (conf(section=ipam(V4, dataDir="/" + "x" * 4095)), "/ipam/dataDir: must be at most 4095 bytes"),
    (conf(section={"type": "slash32-ipam", "subnet": V4, "exclude": [V4]}), "/ipam/exclude: leaves no address"),
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


@pytest.mark.parametrize("network, complaint", MISTAKES, ids=[complaint for _, complaint in MISTAKES])
def test_a_mistake_is_50_for_status_and_a_warning_for_del_and_gc(world, network, complaint):
    answer = world.cni("STATUS", network=network)
    assert answer.json["code"] == 50 and complaint in answer.json["msg"]
    world.add("c1", "p1")
    world.add("c2", "p2")
    assert world.cni("DEL", "c1", "p1", network).ok
    assert world.cni("GC", network={**network, "cni.dev/valid-attachments": []}).ok
    assert [link for link in world.show("link") if link["ifname"].startswith("s32")] == []
    assert complaint in world.log(), world.log()


def test_what_the_runtime_asks_for_wrongly_is_told_before_the_node_is_changed(world):
    world.pod("p1")
    for network, complaint in [(conf(runtimeConfig={"mac": "01:00:5e:00:00:01"}), "/runtimeConfig/mac"),
                               (conf(hostSource={"v4": "192.0.2.77"}), "/hostSource/v4")]:
        answer = world.cni("ADD", "c1", "p1", network)
        assert answer.json["code"] == 7 and complaint in answer.json["msg"]
    assert world.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"


@pytest.mark.parametrize("broken", ["{", "[]", '{"cniVersion": "1.1.0", "name": "k8s", "mtu": 1, "mtu": 2}',
                                    '{"cniVersion": "1.1.0"}', '{"cniVersion": "1.1.0", "name": "a/b"}'])
def test_a_configuration_nobody_can_read_is_50_for_status(world, broken):
    for program in ("slash32", "slash32-ipam"):
        assert world.cni("STATUS", network=broken, program=program).json["code"] == 50


def test_repeated_keys_name_their_place_and_hold_up_neither_del_nor_gc(world):
    world.add("c1", "p1")
    twice = json.dumps(conf())[:-1] + ', "mtu": 1500, "mtu": 1400, "cni.dev/valid-attachments": []}'
    answer = world.cni("ADD", "c2", "p1", twice)
    assert answer.json["code"] == 6 and "/mtu: occurs twice" in answer.json["msg"]
    assert world.cni("GC", network=twice).ok
    assert world.cni("DEL", "c1", "p1", twice).ok
    assert world.log().count("/mtu: occurs twice") == 2


def test_no_version_is_told_as_missing_and_holds_up_no_del(world):
    world.add("c1", "p1")
    without = {key: value for key, value in conf().items() if key != "cniVersion"}
    answer = world.cni("ADD", "c2", "p1", without, ifname="net1")
    assert answer.json["code"] == 1 and "/cniVersion: is missing" in answer.json["msg"]
    assert world.cni("DEL", "c1", "p1", without).ok


def test_no_directory_or_file_is_writable_for_all_whatever_the_umask(world):
    world.pod("p1")
    program = f"umask 0; exec {BIN}/slash32"
    done = subprocess.run(world.inside("sh", "-c", program), input=json.dumps(conf()), text=True, capture_output=True,
                          timeout=60, env=world.environment("ADD", "c1", "/run/netns/p1"))
    assert done.returncode == 0, done.stdout
    assert world.sh("find /run/slash32 /var/lib/slash32 /var/log/slash32 -perm -o+w ! -type l").stdout == ""


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
