"""What real runtimes and their other plugins do beside the specification's plain calls: second interfaces, capabilities in
any case of letters, CNI_ARGS, chains with upstream's plugins, user namespaces.
"""

import json
import subprocess

import pytest

from world import FOREIGN, HOST6, V4, V6, Answer, conf, ipam

SECOND = conf("1.0.0", name="other", section=ipam("10.99.0.0/24", "fd99::/64"))
CONTAINERD = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1"


def upstream(world, kind, verb, cid, pod, ifname="eth0", prev=None, **keys):
    """One call of a plugin of Debian's package, chained after `prev`."""
    network = {"cniVersion": "1.0.0", "name": "k8s", "type": kind, **keys, **({"prevResult": prev} if prev else {})}
    return Answer(subprocess.run(world.inside(f"{FOREIGN}/{kind}"), input=json.dumps(network), capture_output=True, text=True,
                                 timeout=60, env=world.environment(verb, cid, f"/run/netns/{pod}", ifname)))


def default_routes(world, pod):
    return [(r["dev"], family) for family in ("-4", "-6") for r in world.show(f"{family} route show default", pod)]


# ---- second interfaces

def test_a_second_interface_leaves_the_first_ones_default_route(world):
    first = world.add("c1", "p1", conf("1.0.0"))
    second = world.add("c1", "p1", SECOND, ifname="net1")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("eth0", "-6")]
    assert "routes" not in second.json
    assert [ip["gateway"] for ip in second.json["ips"]] == ["169.254.1.1", "fe80::1"]
    assert world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json}, ifname="net1").ok
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0"), "prevResult": first.json}).ok
    assert world.cni("DEL", "c1", "p1", SECOND, ifname="net1").ok
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0"), "prevResult": first.json}).ok
    assert all(world.pings(a) for a in first.addresses)


def test_a_third_interface_works_as_the_second(world):
    world.add("c1", "p1")
    world.add("c1", "p1", SECOND, ifname="net1")
    third = world.add("c1", "p1", conf("1.0.0", name="third"), ifname="net2")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("eth0", "-6")]
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0", name="third"), "prevResult": third.json}, ifname="net2").ok


def test_a_second_interface_answers_through_itself_with_sbr_after_it(world):
    world.add("c1", "p1")
    second = world.add("c1", "p1", SECOND, ifname="net1")
    assert upstream(world, "sbr", "ADD", "c1", "p1", "net1", second.json).ok
    assert all(world.pings(a) for a in second.addresses)
    assert world.cni("CHECK", "c1", "p1", {**SECOND, "prevResult": second.json}, ifname="net1").ok


def test_net1_alone_has_the_default_route_that_the_pod_lacks(world):
    only = world.add("c1", "p1", ifname="net1")
    assert default_routes(world, "p1") == [("net1", "-4"), ("net1", "-6")]
    assert all(world.pings(a) for a in only.addresses)


def test_the_default_route_can_be_refused_and_demanded(world):
    none = world.add("c1", "p1", conf("1.0.0", defaultRoute=False))
    assert default_routes(world, "p1") == [] and "routes" not in none.json
    assert world.cni("CHECK", "c1", "p1", {**conf("1.0.0", defaultRoute=False), "prevResult": none.json}).ok
    world.add("c1", "p1", {**SECOND, "defaultRoute": True}, ifname="net1")
    assert default_routes(world, "p1") == [("net1", "-4"), ("net1", "-6")]
    before = world.snapshot()
    refused = world.cni("ADD", "c1", "p1", conf(name="third", defaultRoute=True), ifname="net2")
    assert not refused.ok and "route" in refused.json["msg"]
    assert world.snapshot() == before and "net2" not in world.ip("-n p1 link")


def test_a_second_interface_gets_the_default_route_of_a_family_that_the_first_lacks_only_when_asked(world):
    world.add("c1", "p1", conf("1.0.0", section=ipam(V4)))
    unasked = world.add("c1", "p1", SECOND, ifname="net1")
    assert default_routes(world, "p1") == [("eth0", "-4")] and "routes" not in unasked.json
    asking = conf("1.0.0", section=ipam(V6), name="third", defaultRoute=True)
    asked = world.add("c1", "p1", asking, ifname="net2")
    assert default_routes(world, "p1") == [("eth0", "-4"), ("net2", "-6")]
    assert [r["dst"] for r in asked.json["routes"]] == ["::/0"]
    checked = world.cni("CHECK", "c1", "p1", {**asking, "prevResult": asked.json}, ifname="net2")
    assert checked.ok, checked
    world.ip("-n p1 -6 route del default")
    assert "default route via fe80::1" in world.cni("CHECK", "c1", "p1", {**asking, "prevResult": asked.json},
                                                    ifname="net2").json["msg"]


def test_an_address_that_is_the_anycast_address_of_another_interface_is_waited_for_no_longer(world):
    """A pod that forwards has the first address of each of its subnets as an anycast address."""
    pod = world.pod("p1")
    world.in_pod("p1", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
                 "ip link add other type veth peer name far; "
                 "ip link set other up; ip link set far up; ip addr add fd00:10:244:1::79/126 dev other nodad")
    assert "anycast fd00:10:244:1::78" in world.ip("-n p1 -6 route show table local")
    network = conf(section=ipam(V6), runtimeConfig={"ips": ["fd00:10:244:1::78"]})
    answer = world.cni("ADD", "c1", pod, network)
    assert answer.ok and answer.addresses == ["fd00:10:244:1::78"], answer
    assert world.pings(HOST6, "p1") and world.pings("fd00:10:244:1::78")


# ---- capabilities, args and CNI_ARGS

@pytest.mark.parametrize("key", ["ips", "IPs", "IPS"])
def test_requested_addresses_are_granted_whatever_the_keys_case(world, key):
    network = conf(runtimeConfig={key: ["10.244.1.77/24", "fd00:10:244:1::77"]})
    assert world.add("c1", "p1", network).addresses == ["10.244.1.77", "fd00:10:244:1::77"]


@pytest.mark.parametrize("key", ["runtimeConfig", "RuntimeConfig"])
def test_the_runtimes_section_is_found_whatever_its_case(world, key):
    answer = world.cni("ADD", "c1", world.pod("p1"), {**conf(), key: {"ips": ["10.244.1.77"]}})
    if key == "runtimeConfig":
        assert answer.addresses[0] == "10.244.1.77"
    else:  # libcni writes it so and in no other way: another key is a mistake, and is named
        assert "/RuntimeConfig" in answer.json["msg"]


def test_the_conflists_args_request_addresses(world):
    assert world.add("c1", "p1", conf(args={"cni": {"ips": ["10.244.1.78"]}})).addresses[0] == "10.244.1.78"


def test_cni_args_request_an_address_and_a_mac(world):
    args = CONTAINERD + ";IP=10.244.1.79;MAC=02:00:00:aa:bb:cc"
    answer = world.add("c1", "p1", CNI_ARGS=args)
    assert answer.addresses[0] == "10.244.1.79"
    assert world.show("link show eth0", "p1")[0]["address"] == "02:00:00:aa:bb:cc"
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": answer.json}, CNI_ARGS=args).ok
    assert world.cni("DEL", "c1", "p1", CNI_ARGS=args).ok


def test_capabilities_win_over_args_and_args_over_cni_args(world):
    asked = {"args": {"cni": {"ips": ["10.244.1.81"], "mac": "02:00:00:00:00:81"}}}
    answer = world.add("c1", "p1", conf(runtimeConfig={"ips": ["10.244.1.80"], "mac": "02:00:00:00:00:80"}, **asked),
                       CNI_ARGS="IP=10.244.1.82;MAC=02:00:00:00:00:82")
    assert answer.addresses[0] == "10.244.1.80"
    assert world.show("link show eth0", "p1")[0]["address"] == "02:00:00:00:00:80"
    assert world.add("c2", "p2", conf(**asked), CNI_ARGS="IP=10.244.1.82").addresses[0] == "10.244.1.81"


def test_ip_ranges_of_the_runtime_take_the_place_of_the_configured(world):
    network = conf(runtimeConfig={"ipRanges": [[{"subnet": "10.77.0.0/24", "rangeStart": "10.77.0.40"}]]})
    answer = world.add("c1", "p1", network)
    assert answer.addresses == ["10.77.0.40", "fd00:10:244:1::1"]
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1").ok  # as kubelet's runtimes do, without what the runtime had added
    assert world.add("c2", "p2", network, CNI_ARGS="IP=10.77.0.40").addresses[0] == "10.77.0.40"


def test_ip_ranges_reach_a_delegated_ipam(world):
    section = {"type": "host-local", "dataDir": "/run/host-local"}
    given = {"ipRanges": [[{"subnet": "10.77.0.0/24", "rangeStart": "10.77.0.40"}]]}
    assert world.add("c1", "p1", conf("1.0.0", section, runtimeConfig=given)).addresses == ["10.77.0.40"]


def test_dns_of_the_runtime_is_the_results(world):
    network = conf(dns={"nameservers": ["192.0.2.1"]}, runtimeConfig={"dns": {"servers": ["192.0.2.53"], "searches": ["a.b"]}})
    assert world.add("c1", "p1", network).json["dns"] == {"nameservers": ["192.0.2.53"], "search": ["a.b"]}


def test_unknown_cni_args_are_named_unless_they_are_to_be_ignored(world):
    refused = world.cni("ADD", "c1", world.pod("p1"), CNI_ARGS="COLOUR=blue;IP=10.244.1.79")
    assert refused.json["code"] == 4 and "COLOUR" in refused.json["msg"]
    world.add("c2", "p2", CNI_ARGS="COLOUR=blue;IgnoreUnknown=true")


def test_capabilities_of_other_plugins_and_of_the_kubelet_pass(world):
    network = conf(runtimeConfig={
        "portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}],
        "bandwidth": {"ingressRate": 1000000, "ingressBurst": 1000000}, "cgroupPath": "/kubepods/pod1", "aliases": ["web"],
        "io.kubernetes.cri.pod-annotations": {"example.net/a": "b"}, "infinibandGUID": "", "deviceID": ""})
    answer = world.add("c1", "p1", network)
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1", {**network, "prevResult": answer.json}).ok


# ---- chains with upstream's plugins

AFTER = {
    "portmap": {"snat": True, "runtimeConfig": {"portMappings": [
        {"HostPort": 18080, "ContainerPort": 80, "Protocol": "tcp"}, {"hostPort": 18081, "containerPort": 81, "protocol": "tcp"}]}},
    "bandwidth": {"runtimeConfig": {"bandwidth": {"ingressRate": 8000000, "ingressBurst": 8000000, "egressRate": 8000000,
                                                  "egressBurst": 8000000}}},
    "tuning": {"sysctl": {"net.ipv4.conf.eth0.arp_notify": "1"}, "mtu": 1400},
}


@pytest.mark.parametrize("kind", AFTER)
def test_upstreams_plugins_work_after_ours(world, kind):
    network = conf("1.0.0")
    first = world.add("c1", "p1", network)
    last = upstream(world, kind, "ADD", "c1", "p1", prev=first.json, **AFTER[kind])
    assert last.ok, last
    assert all(world.pings(a) for a in first.addresses)
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": last.json}).ok
    if kind != "portmap":  # Debian's 1.1.1 looks in its CHECK for one family's rules among the other's, whosoever is before it
        checked = upstream(world, kind, "CHECK", "c1", "p1", prev=last.json, **AFTER[kind])
        assert checked.ok, checked
    gone = upstream(world, kind, "DEL", "c1", "p1", prev=last.json, **AFTER[kind])
    assert gone.ok, gone
    assert world.cni("DEL", "c1", "p1", {**network, "prevResult": last.json}).ok
    assert "eth0" not in world.ip("-n p1 link")


def test_a_host_port_leads_to_the_pod(world):
    first = world.add("c1", "p1", conf("1.0.0", section=ipam(V4)))
    last = upstream(world, "portmap", "ADD", "c1", "p1", prev=first.json, **AFTER["portmap"])
    assert last.ok, last
    server = subprocess.Popen(world.inside("ip", "netns", "exec", "p1", "python3", "-c",
                                           "import socket; s=socket.create_server(('', 81)); print('ready', flush=True);"
                                           "s.accept()[0].sendall(b'hello from the pod')"),
                              stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        said = world.run("python3", "-c", "import socket; print(socket.create_connection(('10.0.1.1', 18081), 5).recv(99))")
        assert "hello from the pod" in said.stdout
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize("kind", ["tuning", "bandwidth", "portmap"])
def test_what_they_made_before_us_stays_in_the_result(world, kind):
    """An interface of another network comes first, with upstream's plugin after it; then ours adds eth0 in the same list."""
    world.pod("p1")
    world.sh("ip link add before0 type veth peer name before1 netns p1 && ip link set before0 up;"
             "ip -n p1 link set before1 up; ip -n p1 addr add 198.51.100.9/24 dev before1")
    before = {"cniVersion": "1.0.0", "interfaces": [{"name": "before0"}, {"name": "before1", "sandbox": "/run/netns/p1"}],
              "ips": [{"address": "198.51.100.9/24", "interface": 1}], "dns": {}}
    keys = {**AFTER[kind], **({"sysctl": {"net.ipv4.conf.all.arp_notify": "1"}, "mtu": 1400} if kind == "tuning" else {})}
    middle = upstream(world, kind, "ADD", "c1", "p1", "before1", prev=before, **keys)
    assert middle.ok, middle
    network = conf("1.0.0")
    answer = world.add("c1", "p1", {**network, "prevResult": middle.json})
    assert [i["name"] for i in answer.json["interfaces"]][:2] == ["before0", "before1"]
    assert [ip["interface"] for ip in answer.json["ips"]] == [1, *[len(answer.json["interfaces"]) - 1] * 2]
    assert world.cni("CHECK", "c1", "p1", {**network, "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1", {**network, "prevResult": answer.json}).ok
    assert "before1" in world.ip("-n p1 link")


# ---- namespaces

def test_a_pod_with_a_user_namespace_is_wired_and_reached(world):
    world.run("sh", "-c", "unshare --user --map-root-user --net sh -c 'echo $$; exec sleep 60' > /run/pid 2>&1 & "
                          "while ! [ -s /run/pid ]; do kill -0 $!; done; touch /run/netns/p1;"
                          "mount --bind /proc/$(cat /run/pid)/ns/net /run/netns/p1; kill $(cat /run/pid)")
    answer = world.add("c1", "p1")
    assert all(world.pings(a) for a in answer.addresses)
    assert world.cni("CHECK", "c1", "p1", {**conf(), "prevResult": answer.json}).ok
    assert world.cni("DEL", "c1", "p1").ok
    assert "eth0" not in world.ip("-n p1 link")


def test_check_says_what_tuning_took_along_with_the_pods_mac_and_ours_by_capability_loses_nothing(world):
    network = conf("1.0.0")
    first = world.add("c1", "p1", network)
    last = upstream(world, "tuning", "ADD", "c1", "p1", prev=first.json, mac="02:00:00:00:00:77")
    assert last.ok, last
    said = world.cni("CHECK", "c1", "p1", {**network, "prevResult": last.json}).json["msg"]
    assert "permanent neighbour entry" in said and "in the pod" in said, said
    assert world.cni("DEL", "c1", "p1", {**network, "prevResult": last.json}).ok
    asked = world.add("c2", "p2", conf("1.0.0", runtimeConfig={"mac": "02:00:00:00:00:77"}))
    assert world.cni("CHECK", "c2", "p2", {**network, "prevResult": asked.json}).ok
    assert all(world.pings(a) for a in asked.addresses)
