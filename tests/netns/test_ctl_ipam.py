"""`slash32ctl ipam check` and `release` on nodes of their own: what they find, what they fix, what they leave alone."""

import json

import pytest

from world import BIN, V4, V6, conf, ipam

FOREIGN_STORE = "/var/lib/slash32/ipam"
STORE = "/run/slash32/ipam"
AGED = 62  # seconds that CLOCK_BOOTTIME is ahead in a time namespace: more than the grace of a record


def ctl(world, *argv):
    return world.run(f"{BIN}/slash32ctl", *argv, check=False)


def later(world, *argv):
    """The same a minute later: in a time namespace whose clock since boot is ahead."""
    return world.run("unshare", "--time", "--boottime", str(AGED), f"{BIN}/slash32ctl", *argv, check=False)


def elsewhere(world, *argv):
    """The same a minute later in a network namespace where no pod's link is."""
    return world.run("unshare", "--net", "--time", "--boottime", str(AGED), f"{BIN}/slash32ctl", *argv, check=False)


def check(world, *argv, when=ctl):
    """The document, which must agree with the exit status."""
    interval = "1" if "--fix" in argv else "0.05"
    done = when(world, "ipam", "check", "--json", "--interval", interval, *argv)
    assert done.returncode in (0, 1), done
    document = json.loads(done.stdout)
    assert document["clean"] == (done.returncode == 0)
    return document


def kinds(document):
    return [(f["kind"], f["address"]) for f in document["findings"]]


def lose_link(world, answer):
    """The pod's link goes without a DEL, as when its namespace is deleted."""
    world.ip(f"link del {answer.host_link}")


def spoil(world, store, script="dd if=/dev/zero of={file} bs=4096 count=2 conv=notrunc status=none"):
    world.sh(script.format(file=f"{store}/ipam.mdb"))


def test_a_healthy_node_is_clean_with_every_daemon_down(world):
    world.add("c1", "p1")
    world.add("c2", "p2")
    assert kinds(check(world)) == []
    assert kinds(check(world, when=later)) == []
    table = ctl(world, "ipam", "check")
    assert table.returncode == 0 and "4 records" in table.stdout and "nothing is wrong" in table.stdout


def test_a_node_without_a_store_is_clean_and_gets_none(world):
    document = check(world)
    assert document["store"] == "missing" and document["findings"] == []
    assert world.run("test", "-e", STORE, check=False).returncode != 0


def test_a_young_record_without_a_link_is_pending_and_never_released(world):
    answer = world.add("c1", "p1")
    lose_link(world, answer)
    for argv in ([], ["--fix"]):
        document = check(world, *argv)
        assert [k for k, _ in kinds(document)] == ["pending", "pending"] and document["clean"]
    assert check(world)["records"] == 2


def test_a_leak_is_found_and_released_by_fix_and_its_address_cools_down(world):
    answer = world.add("c1", "p1")
    alive = world.add("c2", "p2")
    lose_link(world, answer)
    found = check(world, when=later)
    assert kinds(found) == [("leak", a) for a in answer.addresses]
    assert found["findings"][0]["ageSeconds"] >= AGED and found["findings"][0]["containerId"] == "c1"
    fixed = check(world, "--fix", when=later)
    assert fixed["clean"] and all(f["fixed"] for f in fixed["findings"]) and len(fixed["findings"]) == 2
    assert kinds(check(world, when=later)) == []
    shown = json.loads(ctl(world, "ipam", "show", "--json").stdout)["allocations"]
    assert {a["containerId"] for a in shown} == {"c2"}
    assert world.add("c3", "p3").addresses[0] not in answer.addresses, "it cools down"
    assert all(world.pings(a) for a in alive.addresses)


def test_fix_in_another_network_namespace_releases_nobody(world):
    alive = world.add("c1", "p1")
    argv = ["ipam", "check", "--fix", "--interval", "1"]
    refused = elsewhere(world, *argv)
    assert refused.returncode == 2 and not refused.stdout, refused
    assert "none of the 2 recorded pods' links is in this network namespace" in refused.stderr
    assert "--whole-node-is-dead" in refused.stderr
    assert check(world, when=later)["records"] == 2 and world.pings(alive.addresses[0])
    spoil(world, STORE)
    assert elsewhere(world, *argv).returncode == 2
    assert check(world)["store"] == "damaged", "without the aliases it is not made anew either"
    assert check(world, "--fix", when=later)["clean"]


def test_fix_releases_the_last_pod_of_a_node_when_told_that_all_are_dead(world):
    answer = world.add("c1", "p1")
    lose_link(world, answer)
    assert later(world, "ipam", "check", "--fix", "--interval", "1").returncode == 2
    fixed = check(world, "--fix", "--whole-node-is-dead", when=later)
    assert fixed["clean"] and fixed["records"] == 2 and check(world)["records"] == 0
    assert ctl(world, "ipam", "check", "--whole-node-is-dead").returncode == 2, "only with --fix"


def test_fix_wants_its_looks_a_second_apart(world):
    for interval in ("0", "0.999"):
        done = ctl(world, "ipam", "check", "--fix", "--interval", interval)
        assert done.returncode == 2 and "at least 1 second" in done.stderr, done


def test_fix_releases_nothing_that_a_route_still_leads_to(world):
    answer = world.add("c1", "p1", conf(section=ipam(V4)))
    world.add("c2", "p2")
    lose_link(world, answer)
    world.ip(f"route add {answer.addresses[0]}/32 dev up0")
    document = check(world, "--fix", when=later)
    assert kinds(document) == [("leak", answer.addresses[0])] and not document["clean"]
    assert "a route leads to it" in document["findings"][0]["text"]


def test_a_link_taken_down_and_up_is_found_without_its_routes(world):
    answer = world.add("c1", "p1")
    world.sh(f"ip link set {answer.host_link} down; ip link set {answer.host_link} up")
    assert [k for k, _ in kinds(check(world))] == ["pending", "pending"], "an ADD makes the route last"
    found = check(world, when=later)
    assert kinds(found) == [("noRoute", a) for a in answer.addresses]
    assert "slash32ctl repair" in found["findings"][0]["text"]
    assert not check(world, "--fix", when=later)["clean"], "a route is no matter of the store"


def test_two_owners_and_a_stray_route_are_found(world):
    answer = world.add("c1", "p1", conf(section=ipam(V4)))
    address = answer.addresses[0]
    world.sh("ip link add s32000000000000 type veth peer name other; "
             f"ip link set s32000000000000 alias s32:1:net:c9:eth0:{address}: up;"
             "ip route add 10.9.9.9/32 dev up0 proto 132 metric 64")
    found = kinds(check(world, when=later))
    assert ("doubleOwner", address) in found and ("strayRoute", "10.9.9.9") in found, found


def test_pods_of_another_ipam_are_not_missed_where_the_configuration_says_so(world):
    section = {"type": "host-local", "dataDir": "/run/host-local", "ranges": [[{"subnet": "10.77.0.0/24"}]]}
    world.add("c0", "p0")
    network = conf("1.0.0", section, name="foreign")
    answer = world.add("c1", "p1", network)
    assert kinds(check(world)) == [("unrecorded", answer.addresses[0])]
    plugin = {k: v for k, v in network.items() if k not in ("cniVersion", "name")}
    world.run("mkdir", "-p", "/run/confs")
    world.run("tee", "/run/confs/10-x.conflist",
              input=json.dumps({"cniVersion": "1.0.0", "name": "foreign", "plugins": [plugin]}))
    assert kinds(check(world, "--conf-dir", "/run/confs")) == []


def test_what_cannot_be_read_is_exit_2(world):
    world.sh(f"mkdir -p {STORE} && mkdir {STORE}/ipam.mdb {STORE}/lock")
    done = ctl(world, "ipam", "check")
    assert done.returncode == 2 and done.stderr, done
    assert ctl(world, "ipam", "check", "--bogus").returncode == 2


def test_a_damaged_store_of_ours_is_made_anew_from_the_kernel(world):
    answer = world.add("c1", "p1")
    spoil(world, STORE, "truncate -s 4096 {file}")
    found = check(world)
    assert found["store"] == "damaged" and kinds(found)[0][0] == "damaged"
    fixed = check(world, "--fix")
    assert fixed["clean"] and fixed["store"] == "sound", fixed
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": answer.json}).ok
    assert world.add("c2", "p2").addresses[0] != answer.addresses[0]


def delegated(world, verb, cid, pod):
    """slash32-ipam as another plugin calls it."""
    return world.cni(verb, cid, pod, conf("1.0.0", ipam(V4, V6)), program="slash32-ipam")


def test_a_damaged_store_of_another_plugins_use_fails_add_until_it_is_fixed(world):
    world.pod("p1")
    held = [ip for cid in ("c1", "c2", "c3") for ip in delegated(world, "ADD", cid, "p1").addresses]
    assert delegated(world, "DEL", "c2", "p1").ok
    spoil(world, FOREIGN_STORE)
    refused = delegated(world, "ADD", "c4", "p1")
    assert refused.json["code"] == 11, refused
    found = check(world, "--data-dir", FOREIGN_STORE + "/")
    assert found["store"] == "damaged" and not found["clean"] and found["records"] == 4
    assert delegated(world, "ADD", "c4", "p1").json["code"] == 11, "looking mends nothing"
    fixed = check(world, "--data-dir", FOREIGN_STORE, "--fix")
    assert fixed["clean"] and fixed["mended"] == {"kept": 4, "guessed": 0}
    assert not set(delegated(world, "ADD", "c4", "p1").addresses) & set(held)
    assert delegated(world, "DEL", "c1", "p1").ok
    assert check(world, "--data-dir", FOREIGN_STORE)["records"] == 4


def test_adds_run_beside_check_and_none_is_ever_called_wrong(world):
    world.run("sh", "-c", f"while [ ! -e /run/stop ]; do {BIN}/slash32ctl ipam check --fix --interval 1 --json "
                          ">> /run/checks || touch /run/failed; done > /dev/null 2>&1 & echo $! > /run/pid")
    try:
        for i in range(20):
            world.add(f"c{i}", f"p{i}")
            if i % 2:
                assert world.cni("DEL", f"c{i}", f"p{i}").ok
    finally:
        world.run("touch", "/run/stop")
    world.sh("while kill -0 $(cat /run/pid) 2>/dev/null; do sleep 0.05; done")
    assert world.run("test", "-e", "/run/failed", check=False).returncode != 0, world.run("cat", "/run/checks").stdout
    assert world.run("grep", "-c", '"clean": true', "/run/checks").stdout.strip() != "0"
    assert check(world)["records"] == 20


def test_a_store_rebuilt_from_a_shortened_alias_keeps_its_live_pod(world):
    network = conf(section=ipam("10.244.1.0/30"))
    long_id = "c" * 300
    first = world.add(long_id, "p1", network)
    world.run("rm", "-r", STORE)
    world.add("c2", "p2", network)
    world.pod("p3")
    full = world.run("unshare", "--time", "--boottime", str(AGED), f"{BIN}/slash32", check=False,
                     input=json.dumps(network), env=world.environment("ADD", "c3", "/run/netns/p3"))
    assert json.loads(full.stdout)["code"] == 11, "nobody is dead"
    assert kinds(check(world, "--fix", when=later)) == [] and check(world)["records"] == 2
    assert world.pings(first.addresses[0])


# ---- release

KEY = ["--network", "k8s", "--container-id", "c1", "--ifname", "eth0"]


def test_release_refuses_a_live_pod_and_says_what_lives(world):
    answer = world.add("c1", "p1")
    for argv in (KEY, [answer.addresses[0]], [answer.addresses[1]]):
        done = later(world, "ipam", "release", *argv)
        assert done.returncode == 1 and answer.host_link in done.stderr and "--force" in done.stderr, done
    assert check(world)["records"] == 2


@pytest.mark.parametrize("by", ["key", "address"])
def test_release_gives_both_addresses_of_a_dead_pod_back(world, by):
    answer = world.add("c1", "p1")
    world.add("c2", "p2")
    lose_link(world, answer)
    argv = KEY if by == "key" else [answer.addresses[1]]
    young = ctl(world, "ipam", "release", *argv)
    assert young.returncode == 1 and "may be under way" in young.stderr, young
    done = later(world, "ipam", "release", "--json", *argv)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["released"] == answer.addresses
    assert check(world)["records"] == 2
    assert world.add("c1", "p1").addresses != answer.addresses, "they cool down"


def test_release_by_force_of_a_live_one(world):
    answer = world.add("c1", "p1")
    assert ctl(world, "ipam", "release", "--force", answer.addresses[0]).returncode == 0
    assert [k for k, _ in kinds(check(world))] == ["unrecorded", "unrecorded"]


def test_release_of_another_plugins_pod_takes_its_key(world):
    world.pod("p1")
    held = delegated(world, "ADD", "c1", "p1").addresses
    by_address = ctl(world, "ipam", "release", "--data-dir", FOREIGN_STORE, held[0])
    assert by_address.returncode == 1 and "another plugin's pod" in by_address.stderr, by_address
    assert ctl(world, "ipam", "release", "--data-dir", FOREIGN_STORE, *KEY).returncode == 0
    assert check(world, "--data-dir", FOREIGN_STORE)["records"] == 0


def test_release_by_key_of_an_unwatched_record_is_refused_where_a_route_or_an_alias_names_it(world):
    world.pod("p1")
    held = delegated(world, "ADD", "c1", "p1").addresses
    release = ["ipam", "release", "--data-dir", FOREIGN_STORE, *KEY]
    world.ip(f"route add {held[0]}/32 dev up0")
    refused = ctl(world, *release)
    assert refused.returncode == 1 and "a route leads to it" in refused.stderr, refused
    world.ip(f"route del {held[0]}/32 dev up0")
    world.sh("ip link add s32000000000000 type veth peer name other; "
             f"ip link set s32000000000000 alias s32:1:net:c9:eth0:{held[0]}:")
    refused = ctl(world, *release)
    assert refused.returncode == 1 and "link s32000000000000 of container c9" in refused.stderr, refused
    assert check(world, "--data-dir", FOREIGN_STORE)["records"] == 2
    assert ctl(world, *release, "--force").returncode == 0
    assert check(world, "--data-dir", FOREIGN_STORE)["records"] == 0


def test_release_in_another_network_namespace_is_refused(world):
    answer = world.add("c1", "p1")
    refused = elsewhere(world, "ipam", "release", *KEY)
    assert refused.returncode == 2 and "none of the 2 recorded pods' links" in refused.stderr, refused
    assert check(world)["records"] == 2
    lose_link(world, answer)
    assert later(world, "ipam", "release", *KEY).returncode == 2
    assert later(world, "ipam", "release", *KEY, "--force").returncode == 0


def test_release_of_nobody_and_wrong_usage(world):
    world.add("c1", "p1")
    gone = ctl(world, "ipam", "release", "10.244.1.99")
    assert gone.returncode == 1 and "nobody holds 10.244.1.99" in gone.stderr
    other = ctl(world, "ipam", "release", "--network", "k8s", "--container-id", "c9", "--ifname", "eth0")
    assert other.returncode == 1 and "container c9" in other.stderr and "holds no address" in other.stderr
    assert "not" in ctl(world, "ipam", "release", "pod-1").stderr
    for argv in ([], ["--container-id", "c1"], ["10.244.1.1", *KEY], [""], ["--network", "k8s", "--ifname", "eth0"]):
        assert ctl(world, "ipam", "release", *argv).returncode == 2, argv
