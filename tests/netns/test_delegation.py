"""Any other ipam.type is executed as the specification's delegation says: Debian's host-local, and plugins of our own that
misbehave."""

import json
import os
import time

import pytest

from world import FOREIGN, conf, ipam

RANGES = {"type": "host-local", "dataDir": "/run/host-local",
          "ranges": [[{"subnet": "10.55.0.0/24"}], [{"subnet": "fd55::/64"}]]}


def host_local(version="1.0.0", **more):
    return conf(version, {**RANGES, **more})


def leases(world, network="k8s"):
    return {name for name in world.sh(f"ls /run/host-local/{network} 2>/dev/null", check=False).stdout.split()
            if name[0].isdigit() or name[0] == "f"}


def stub(world, script):
    """A plugin of our own in the node; it appends its verb to /run/stub/calls."""
    world.sh("mkdir -p /run/stub")
    world.run("tee", "/run/stub/stub", input="#!/bin/sh\necho $CNI_COMMAND >> /run/stub/calls\n" + script)
    world.sh("chmod +x /run/stub/stub")
    return conf("1.0.0", {"type": "stub"})


def calls(world):
    return world.run("cat", "/run/stub/calls").stdout.split()


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_host_local_gives_the_addresses_and_gets_them_back(world, version):
    network = host_local(version)
    answer = world.add("c1", "p1", network)
    assert answer.addresses == ["10.55.0.2", "fd55::2"]
    assert all(ip["address"].endswith(("/32", "/128")) for ip in answer.json["ips"])
    assert all(world.pings(a) for a in answer.addresses)
    assert leases(world) == {"10.55.0.2", "fd55::2"}
    if version != "0.3.1":
        assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1", network).ok
    assert leases(world) == set()
    assert world.cni("DEL", "c1", "", network).ok


def test_its_failing_add_is_passed_on_and_followed_by_its_del(world):
    network = host_local(ranges=[[{"subnet": "10.55.0.0/30"}], [{"subnet": "fd55::/64", "rangeStart": "fd55::10"}]])
    world.add("c1", "p1", network)
    world.pod("p2")
    before = world.snapshot()
    answer = world.cni("ADD", "c2", "p2", network)
    assert answer.code == 1 and "no IP addresses available" in answer.json["msg"]
    assert world.snapshot() == before
    assert len(leases(world)) == 2  # c2's half is not left behind


def test_del_follows_a_failed_add_and_its_error_code_is_kept(world):
    network = stub(world, """[ $CNI_COMMAND = DEL ] && exit 0
        echo '{"cniVersion": "1.0.0", "code": 42, "msg": "no more", "details": "at all"}'; exit 1""")
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", network, CNI_PATH="/run/stub")
    assert (answer.json["code"], answer.json["details"]) == (42, "at all") and "no more" in answer.json["msg"]
    assert calls(world) == ["ADD", "DEL"]


@pytest.mark.parametrize("output, complaint", [
    ("not JSON", "JSON"),
    ('{"cniVersion": "1.0.0", "ips": []}', "no address"),
    ('{"cniVersion": "1.0.0", "ips": [{"address": "10.1.1.1/24"}, {"address": "10.1.1.2/24"}]}', "two IPv4"),
    ('{"cniVersion": "1.0.0", "ips": [{"address": "10.1.1.300/24"}]}', "/ips/0/address"),
])
def test_an_unusable_answer_is_an_error_and_del_follows(world, output, complaint):
    network = stub(world, f"[ $CNI_COMMAND = DEL ] || echo '{output}'")
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", network, CNI_PATH="/run/stub")
    assert not answer.ok and complaint in answer.json["msg"]
    assert calls(world) == ["ADD", "DEL"]


def test_a_failure_after_the_delegates_add_gives_the_address_back(world):
    network = host_local(ranges=[[{"subnet": "10.55.0.0/24"}]])
    world.ip("route add 10.55.0.2/32 dev up0 metric 64")  # foreign, in the way of the pod's route
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", network)
    assert not answer.ok and "not ours to replace" in answer.json["msg"]
    assert leases(world) == set()
    assert world.snapshot() == before
    assert "10.55.0.2 dev up0" in world.ip("route")


def test_the_configuration_reaches_it_byte_for_byte(world):
    network = stub(world, 'cat > /run/stub/stdin-$CNI_COMMAND; [ $CNI_COMMAND = DEL ] || '
                          'echo \'{"cniVersion": "1.0.0", "ips": [{"address": "10.1.1.1/24"}]}\'')
    text = json.dumps(network, indent=3) + "\n\n  "
    world.pod("p1")
    path = "/run/nowhere:/run/stub:" + FOREIGN
    assert world.cni("ADD", "c1", "p1", text, CNI_PATH=path).ok
    assert world.cni("DEL", "c1", "p1", text, CNI_PATH=path).ok
    for verb in ("ADD", "DEL"):
        assert world.run("cat", f"/run/stub/stdin-{verb}").stdout == text


def test_a_missing_plugin_names_the_path(world):
    world.pod("p1")
    answer = world.cni("ADD", "c1", "p1", conf(section={"type": "nope"}))
    assert answer.json["code"] == 7 and "/ipam/type" in answer.json["msg"] and FOREIGN in answer.json["msg"]


def test_sigterm_ends_a_hanging_delegate_and_undoes(world):
    import signal
    import subprocess

    from world import BIN
    network = stub(world, "[ $CNI_COMMAND = DEL ] && exit 0\nsleep 60")
    world.pod("p1")
    before = world.snapshot()
    process = subprocess.Popen(world.inside(f"{BIN}/slash32"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=world.environment("ADD", "c1", "/run/netns/p1", CNI_PATH="/run/stub"))
    process.stdin.write(json.dumps(network))
    process.stdin.close()
    deadline = time.monotonic() + 20
    while not os.path.exists(f"/proc/{process.pid}/root/run/stub/calls"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    answer = json.loads(process.stdout.read())
    process.stdout.close()
    assert process.wait(20) == 1
    assert answer["code"] == 11 and "stub ADD" in answer["msg"]
    assert calls(world) == ["ADD", "DEL"]
    assert world.snapshot() == before


def test_sigterm_lets_a_delegate_finish_what_it_is_at(world):
    """host-local killed between making its lease and writing its owner loses the address for good."""
    network = stub(world, """[ $CNI_COMMAND = DEL ] && exit 0
        echo half > /run/stub/lease; kill -TERM $PPID; sleep 0.2; echo whole > /run/stub/lease
        echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.1.1/24"}]}'""")
    world.pod("p1")
    before = world.snapshot()
    answer = world.cni("ADD", "c1", "p1", network, CNI_PATH="/run/stub")
    assert answer.json["code"] == 11, answer
    assert world.run("cat", "/run/stub/lease").stdout == "whole\n"
    assert calls(world) == ["ADD", "DEL"]
    assert world.snapshot() == before


def held_by_us(world, cid="c1"):
    """Whether our own store still holds the key: a second ADD of it would be refused."""
    network = conf("1.0.0", ipam("10.244.1.0/30", coolDown=0))
    return [world.cni("ADD", f"x{i}", world.pod(f"x{i}"), network).ok for i in range(2)] != [True, True]


@pytest.mark.parametrize("section", [{"type": "no-such-plugin"}, {}, RANGES,
                                     {"type": "slash32-ipam", "dataDir": "/run/x\0y"}])
def test_del_gives_our_own_address_back_whatever_the_conflist_names_now(world, section):
    world.add("c1", "p1", conf("1.0.0", ipam("10.244.1.0/30", coolDown=0)))
    assert world.cni("DEL", "c1", "p1", {"cniVersion": "1.0.0", "name": "k8s", "type": "slash32", "ipam": section}).ok
    assert not held_by_us(world)


@pytest.mark.parametrize("section", [{"type": "no-such-plugin"}, {}, None])
def test_gc_without_a_usable_ipam_type_still_collects(world, section):
    world.add("c1", "p1", conf("1.0.0", ipam("10.244.1.0/30", coolDown=0)))
    network = {"cniVersion": "1.1.0", "name": "k8s", "type": "slash32", "ipam": section,
               "cni.dev/valid-attachments": []}
    collected = world.cni("GC", network=network)
    assert collected.ok, collected
    assert not held_by_us(world)


@pytest.mark.parametrize("verb", ["GC", "STATUS"])
def test_a_delegate_from_before_gc_and_status_does_not_fail_them(world, verb):
    """Debian 12's host-local answers both with code 3, "missing containerID"."""
    answer = world.cni(verb, network={**host_local("1.1.0"), "cni.dev/valid-attachments": []})
    assert answer.ok, answer


@pytest.mark.parametrize("code, ok", [(1, True), (5, False)])
def test_del_of_a_delegate_that_is_not_for_the_version_is_success(world, code, ok):
    network = stub(world, f"""echo '{{"cniVersion": "1.0.0", "code": {code}, "msg": "no"}}'; exit 1""")
    assert world.cni("DEL", "c1", "", network, CNI_PATH="/run/stub").ok is ok
