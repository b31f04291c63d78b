"""`slash32ctl node install` and `cleanup` on nodes of their own: what they put in place, record, put back, and leave."""

import json
import os
import socket
import threading

import pytest

from world import BIN, V4, conf

FORWARD4 = "/proc/sys/net/ipv4/ip_forward"
FORWARD6 = "/proc/sys/net/ipv6/conf/all/forwarding"
LABEL = "security.selinux"
BIN_DIR, CONF_DIR, PROTOCOLS = "/run/host/bin", "/run/host/net.d", "/run/host/rt_protos.d"
CONFLIST = f"{CONF_DIR}/10-slash32.conflist"


def ctl(world, *argv):
    return world.run(f"{BIN}/slash32ctl", *argv, check=False)


def steps(done):
    """The document, which must agree with the exit status: what -> outcome."""
    document = json.loads(done.stdout)
    assert document["whole"] == (done.returncode == 0), done
    return {step["what"]: step["outcome"] for step in document["steps"]}


def install(world, *more, source=BIN, protocols=PROTOCOLS):
    return ctl(world, "node", "install", "--json", "--source-dir", source, "--bin-dir", BIN_DIR, "--rt-protos-dir", protocols,
               *more)


def cleanup(world, *more):
    return ctl(world, "cleanup", "--json", "--bin-dir", BIN_DIR, "--conf-dir", CONF_DIR, "--rt-protos-dir", PROTOCOLS, *more)


def setting(world, path):
    return world.run("cat", path).stdout.strip()


def exists(world, path):
    return world.run("test", "-e", path, check=False).returncode == 0


def of_the_node(world, path):
    """The same file seen from outside its mount namespace."""
    return f"/proc/{world._holder.pid}/root{path}"


def everything(world):
    """What an uninstall must leave as it was."""
    settings = world.sh("cd /proc/sys/net; grep -r . ipv4/ip_forward ipv4/conf/*/forwarding ipv4/conf/*/accept_redirects "
                        "ipv6/conf/*/forwarding ipv6/conf/*/accept_ra | sort").stdout
    files = world.sh("find /run/host /run/slash32 /var/lib /var/log | sort").stdout
    return world.snapshot(), settings, files, world.run("nft", "list", "ruleset").stdout


def configure(world, path=CONFLIST, name="k8s"):
    network = {k: v for k, v in conf(name=name).items() if k not in ("cniVersion", "name")}
    text = json.dumps({"cniVersion": "1.1.0", "name": name, "plugins": [network]})
    world.run("mkdir", "-p", CONF_DIR)
    world.run("tee", path, input=text)


def routes_of_bgpd(world):
    world.sh("ip route add blackhole 10.244.1.0/24 proto 133 metric 128;"
             "ip route add 10.244.2.0/24 via 10.0.1.2 proto 134 metric 512;"
             "ip route add 10.244.3.0/24 proto 134 metric 512 nexthop via 10.0.1.2 nexthop via 10.0.1.3;"
             "ip route add 10.244.4.0/24 via 10.0.1.2 proto 134 metric 512 table 77;"
             "ip -6 route add fd00:10:244:2::/64 via fd00:1::2 proto 134 metric 512;"
             "ip -6 route add fd00:10:244:3::/64 proto 134 metric 512 nexthop via fd00:1::2 nexthop via fd00:1::3;"
             "ip route add 10.99.0.0/24 via 10.0.1.2 proto static metric 512;"
             "ip -6 route add fd00:99::/64 via fd00:1::2 proto 186 metric 512")


def ours_in_the_kernel(world):
    return [r for f in ("-4", "-6") for r in world.show(f"{f} route show table all")
            if str(r.get("protocol")) in ("132", "133", "134", "slash32-pod", "slash32-aggregate", "slash32-bgp")]


def test_install_puts_everything_in_place_and_records_what_it_changed(world):
    done = steps(install(world))
    assert set(done.values()) == {"done"} and len(done) == 5, done
    for name in ("slash32", "slash32-ipam"):
        assert world.run("cmp", f"{BIN}/{name}", f"{BIN_DIR}/{name}").returncode == 0
        assert world.run("stat", "-c", "%a %U", f"{BIN_DIR}/{name}").stdout == "755 root\n"
    assert "133 slash32-aggregate" in world.run("cat", f"{PROTOCOLS}/slash32.conf").stdout
    found = json.loads(world.run("cat", "/var/lib/slash32/found.json").stdout)["settings"]
    assert found == {FORWARD4: "0", FORWARD6: "0"}
    assert (setting(world, FORWARD4), setting(world, FORWARD6)) == ("1", "1")
    assert sorted(world.sh(f"ls -A {BIN_DIR}").stdout.split()) == ["slash32", "slash32-ipam"]


def test_install_again_changes_nothing(world):
    install(world)
    before = world.sh(f"stat -c '%i %y' {BIN_DIR}/* /var/lib/slash32/found.json").stdout
    assert set(steps(install(world)).values()) == {"unchanged"}
    assert world.sh(f"stat -c '%i %y' {BIN_DIR}/* /var/lib/slash32/found.json").stdout == before


def test_install_turns_on_the_families_that_are_asked_for(world):
    assert FORWARD6 not in steps(install(world, "--forwarding", "ipv4"))
    assert (setting(world, FORWARD4), setting(world, FORWARD6)) == ("1", "0")
    assert set(steps(install(world, "--forwarding", "none"))) == {f"{BIN_DIR}/slash32", f"{BIN_DIR}/slash32-ipam",
                                                                f"{PROTOCOLS}/slash32.conf"}


def test_a_plugin_that_is_being_executed_is_replaced_and_goes_on(world):
    world.run("mkdir", "-p", BIN_DIR)
    world.run("cp", "/bin/sleep", f"{BIN_DIR}/slash32")
    running = world.run("sh", "-c", f"{BIN_DIR}/slash32 60 >/dev/null 2>&1 & echo $!").stdout.strip()
    try:
        assert steps(install(world))[f"{BIN_DIR}/slash32"] == "done"
        assert world.run("cmp", f"{BIN}/slash32", f"{BIN_DIR}/slash32").returncode == 0
        assert world.run("readlink", f"/proc/{running}/exe").stdout.endswith("slash32 (deleted)\n")
    finally:
        world.run("kill", running)


def test_what_a_killed_installer_left_goes_and_the_selinux_label_stays(world):
    world.sh(f"mkdir -p {BIN_DIR}; echo old > {BIN_DIR}/slash32; echo half > {BIN_DIR}/slash32.tmp.1; echo x > {BIN_DIR}/other")
    label = b"system_u:object_r:container_runtime_exec_t:s0\0"
    os.setxattr(of_the_node(world, f"{BIN_DIR}/slash32"), LABEL, label)
    install(world)
    assert os.getxattr(of_the_node(world, f"{BIN_DIR}/slash32"), LABEL) == label
    with pytest.raises(OSError):
        os.getxattr(of_the_node(world, f"{BIN_DIR}/slash32-ipam"), LABEL)
    assert sorted(world.sh(f"ls -A {BIN_DIR}").stdout.split()) == ["other", "slash32", "slash32-ipam"]


def test_a_source_that_is_no_program_leaves_the_old_one_and_the_other_steps_go_on(world):
    world.sh(f"mkdir -p {BIN_DIR} /run/source; echo old > {BIN_DIR}/slash32; : > /run/source/slash32")
    done = install(world, source="/run/source")
    outcome = steps(done)
    assert outcome[f"{BIN_DIR}/slash32"] == "failed" and outcome[f"{BIN_DIR}/slash32-ipam"] == "failed"
    assert "is no program of Linux" in done.stdout and outcome[FORWARD4] == "done"
    assert world.run("cat", f"{BIN_DIR}/slash32").stdout == "old\n"


def test_many_installers_at_once_leave_whole_programs(world):
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(install(world))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.returncode for o in outcomes] == [0] * 6
    for name in ("slash32", "slash32-ipam"):
        assert world.run("cmp", f"{BIN}/{name}", f"{BIN_DIR}/{name}").returncode == 0
    assert sorted(world.sh(f"ls -A {BIN_DIR}").stdout.split()) == ["slash32", "slash32-ipam"]


def test_a_host_whose_etc_is_read_only_goes_without_names(world):
    world.sh("mkdir -p /run/ro && mount -t tmpfs -o ro t /run/ro")
    done = install(world, protocols="/run/ro/rt_protos.d")
    assert steps(done)["/run/ro/rt_protos.d/slash32.conf"] == "skipped" and done.returncode == 0


def test_cleanup_leaves_the_node_as_install_found_it(world):
    world.sh("mkdir -p /run/host/bin /run/host/net.d /run/host/rt_protos.d; echo x > /run/host/bin/bridge; rmdir /run/slash32")
    before = everything(world)
    install(world)
    configure(world)
    world.add("c1", "p1", conf(ipMasq=True))
    assert world.cni("DEL", "c1", "p1").ok
    routes_of_bgpd(world)
    foreign = [r for f in ("-4", "-6") for r in world.show(f"{f} route show table all") if str(r.get("protocol")) in
               ("static", "186")]
    world.run("nft", "add", "table", "inet", "slash32-of-somebody")
    done = steps(cleanup(world))
    assert done[CONFLIST] == "done" and done["5 routes of protocol 134 (learned by BGP)"] == "done"
    assert done["nftables table inet slash32-masq-k8s"] == "done"
    assert done["nftables table inet slash32-of-somebody"] == "skipped"
    assert list(done)[0] == CONFLIST, "first of all no new pods"
    assert not ours_in_the_kernel(world)
    assert [r for f in ("-4", "-6") for r in world.show(f"{f} route show table all") if str(r.get("protocol")) in
            ("static", "186")] == foreign
    world.sh("nft delete table inet slash32-of-somebody; ip route del 10.99.0.0/24 proto static metric 512;"
             "ip -6 route del fd00:99::/64 proto 186 metric 512; ip netns del p1")
    assert everything(world) == before
    again = steps(cleanup(world))
    assert set(again.values()) == {"unchanged"}


def test_cleanup_takes_bgpds_next_hop_objects_and_nobody_elses(world):
    install(world)
    first = 0x40000000 + 254 * 16384
    world.sh(f"ip nexthop add id {first} via 10.0.1.2 dev up0 proto 134;"
             f"ip nexthop add id {first + 1} via 10.0.1.3 dev up0 proto 134;"
             f"ip nexthop add id {first + 2} group {first},256/{first + 1} type resilient buckets 64 proto 134;"
             f"ip route add 10.244.2.0/24 nhid {first + 2} proto 134 metric 512;"
             "ip nexthop add id 7 via 10.0.1.2 dev up0 proto 134;"  # no number of ours
             f"ip nexthop add id {first + 9} via 10.0.1.2 dev up0 proto static;"
             f"ip route add 10.99.0.0/24 nhid {first + 9} proto static")
    done = steps(cleanup(world))
    assert done["1 routes of protocol 134 (learned by BGP)"] == "done"
    assert done["3 next-hop objects of protocol 134 (learned by BGP)"] == "done"
    assert sorted(line.split()[1] for line in world.sh("ip nexthop show").stdout.splitlines()) == sorted(["7", str(first + 9)])
    assert "10.99.0.0/24" in world.sh("ip route show proto static").stdout


def test_settings_that_the_kernel_changes_along_with_forwarding_are_put_back_too(world):
    world.sh("echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects; echo 1 > /proc/sys/net/ipv4/conf/up0/forwarding;"
             "echo 1 > /proc/sys/net/ipv6/conf/up1/forwarding; echo 1 > /proc/sys/net/ipv4/conf/default/forwarding")
    before = everything(world)[1]
    world.add("c1", "p1")
    assert world.cni("DEL", "c1", "p1").ok
    assert everything(world)[1] != before
    assert cleanup(world).returncode == 0
    assert everything(world)[1] == before


def test_a_living_pod_keeps_all_but_the_configuration_until_it_is_gone(world):
    install(world)
    configure(world)
    answer = world.add("c1", "p1")
    address = answer.addresses[0]
    routes_of_bgpd(world)
    done = cleanup(world)
    outcome = steps(done)
    assert outcome[CONFLIST] == "done" and done.returncode == 1
    assert f"container c1, interface eth0, network k8s lives: {answer.host_link}, {', '.join(answer.addresses)}" in outcome, \
        "by its addresses kubectl tells which one it is"
    assert world.pings(address) and len(ours_in_the_kernel(world)) > 6
    assert exists(world, f"{BIN_DIR}/slash32") and setting(world, FORWARD4) == "1"
    assert world.cni("DEL", "c1", "p1").ok, "what the pod needs to go is there"
    assert cleanup(world).returncode == 0
    assert not ours_in_the_kernel(world) and not exists(world, f"{BIN_DIR}/slash32")
    assert setting(world, FORWARD4) == "0" and not exists(world, "/var/lib/slash32")


def test_force_does_it_while_a_pod_lives(world):
    install(world)
    world.add("c1", "p1")
    outcome = steps(cleanup(world, "--force"))
    assert "kept" not in outcome.values() and not exists(world, f"{BIN_DIR}/slash32-ipam")


def test_a_record_without_a_link_counts_as_a_pod_for_it_may_live_in_another_namespace(world):
    install(world)
    answer = world.add("c1", "p1")
    world.ip(f"link del {answer.host_link}")
    done = cleanup(world)
    assert done.returncode == 1 and f"holds {answer.addresses[0]} in /run/slash32/ipam" in done.stdout
    assert exists(world, f"{BIN_DIR}/slash32")
    assert cleanup(world, "--force").returncode == 0


def test_addresses_that_another_plugins_pods_hold_keep_the_ipam(world):
    section = {"type": "slash32-ipam", "ranges": [[{"subnet": V4}]]}
    network = {"cniVersion": "1.0.0", "name": "br", "type": "bridge", "ipam": section}
    taken = world.cni("ADD", "c1", world.pod("p1"), network, program="slash32-ipam")
    assert taken.ok, taken
    done = cleanup(world)
    assert done.returncode == 1 and "in /var/lib/slash32/ipam" in done.stdout, done
    assert world.cni("DEL", "c1", "p1", network, program="slash32-ipam").ok
    assert cleanup(world).returncode == 0 and not exists(world, "/var/lib/slash32")


def test_what_is_not_ours_stays(world):
    world.sh(f"mkdir -p {CONF_DIR} {PROTOCOLS} {BIN_DIR} /run/slash32 /var/log/slash32 /var/lib/slash32")
    for path, text in ((CONFLIST, '{"name": "x", "plugins": [{"type": "bridge"}]}'), (f"{CONF_DIR}/87-x.conflist", "{"),
                       (f"{PROTOCOLS}/slash32.conf", "140 mine\n"), (f"{BIN_DIR}/bridge", "x"),
                       ("/run/slash32/notes", "x"), ("/var/log/slash32/notes", "x")):
        world.run("tee", path, input=text)
    done = cleanup(world)
    assert done.returncode == 0 and steps(done)[CONFLIST] == "skipped"
    for path in (CONFLIST, f"{CONF_DIR}/87-x.conflist", f"{PROTOCOLS}/slash32.conf", f"{BIN_DIR}/bridge",
                 "/run/slash32/notes", "/var/log/slash32/notes"):
        assert exists(world, path), path
    assert not exists(world, "/var/lib/slash32")


def test_what_the_agent_and_bgpd_wrote_goes_with_their_passwords(world):
    world.sh("mkdir -p /var/lib/slash32 && mkdir -m 700 /run/slash32/secrets && cd /run/slash32 &&"
             "touch secrets/tor.password node.json node.json.tmp.7 node-facts.json bgpd.state bgpd.state.put bgpd.sock;"
             "cd /var/lib/slash32 && touch node.json bgpd.json pod-ranges.json")
    assert cleanup(world).returncode == 0
    assert not exists(world, "/run/slash32") and not exists(world, "/var/lib/slash32")
    world.sh("mkdir -p /run/slash32/secrets && touch /run/slash32/secrets/mine")
    assert cleanup(world).returncode == 0 and exists(world, "/run/slash32/secrets/mine"), "others may read it: not ours"


def test_another_configuration_that_names_the_plugin_keeps_it(world):
    install(world)
    configure(world)
    configure(world, f"{CONF_DIR}/20-second.conflist", "second")
    outcome = steps(cleanup(world))
    assert outcome[CONFLIST] == "done" and outcome["what network second needs"] == "kept"
    assert exists(world, f"{BIN_DIR}/slash32") and exists(world, f"{CONF_DIR}/20-second.conflist")
    assert cleanup(world, "--force").returncode == 0


def test_a_dry_run_changes_nothing_and_names_the_same_steps(world):
    install(world)
    configure(world)
    routes_of_bgpd(world)
    before = everything(world), ours_in_the_kernel(world)
    planned = steps(cleanup(world, "--dry-run"))
    assert (everything(world), ours_in_the_kernel(world)) == before
    done = steps(cleanup(world))
    assert {w for w, o in planned.items() if o == "planned"} | {"/var/lib/slash32/found.json"} == \
        {w for w, o in done.items() if o == "done"}
    assert cleanup(world, "--dry-run").returncode == 0


@pytest.mark.parametrize("text", ["{", '{"settings": {"/etc/passwd": "x"}}',
                                  '{"settings": {"/proc/sys/net/../kernel/hostname": "x"}}'])
def test_a_found_json_that_somebody_spoiled_is_told_and_kept(world, text):
    world.run("mkdir", "-p", "/var/lib/slash32")
    world.run("tee", "/var/lib/slash32/found.json", input=text)
    done = cleanup(world)
    assert done.returncode == 1 and "failed" in steps(done).values()
    assert world.run("cat", "/var/lib/slash32/found.json").stdout == text


def test_the_setting_of_an_interface_that_is_gone_is_not_missed(world):
    text = '{"settings": {"/proc/sys/net/ipv6/conf/gone0/accept_ra": "1"}}'
    world.run("mkdir", "-p", "/var/lib/slash32")
    world.run("tee", "/var/lib/slash32/found.json", input=text)
    done = cleanup(world)
    assert done.returncode == 0 and "its interface is gone" in done.stdout


def test_cleanup_waits_for_the_agent_to_be_gone(world):
    configure(world)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(of_the_node(world, "/run/slash32/agent.sock"))
        listener.listen(1)
        done = cleanup(world)
        assert done.returncode == 1 and "slash32-agent runs" in done.stderr and exists(world, CONFLIST)
    assert cleanup(world).returncode == 0, "a socket that nobody listens on is rubbish"
    assert not exists(world, "/run/slash32")


def test_many_nodes_on_one_machine_by_root_alone(world):
    for node in ("a", "b"):
        world.run("mkdir", "-p", f"/run/{node}")
        done = ctl(world, "node", "install", "--root", f"/run/{node}", "--source-dir", BIN)
        assert done.returncode == 0, done
    assert exists(world, "/run/a/opt/cni/bin/slash32") and exists(world, "/run/b/etc/iproute2/rt_protos.d/slash32.conf")
    assert exists(world, "/run/a/var/lib/slash32/found.json") and not exists(world, "/run/b/var/lib/slash32/found.json")
    assert ctl(world, "cleanup", "--root", "/run/a").returncode == 0
    assert not exists(world, "/run/a/opt/cni/bin/slash32") and exists(world, "/run/b/opt/cni/bin/slash32")
    assert setting(world, FORWARD4) == "0"
