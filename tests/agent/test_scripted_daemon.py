"""The whole agent against an API that does what real ones do once in a year: whatever happens, node.json and bgpd.json end
as the API then is. What the client makes of each mishap: test_scripted_server.py; who leads when: test_scripted_lease.py."""

import shutil
import signal
import subprocess

import pytest
from scripted_api import status_of
from scripted_server import Authority, wait_until
from scripted_world import World, node, ours

LEASE = "slash32-system/slash32-agent"
POOL, VIP = "192.0.2.10-192.0.2.19", "192.0.2.10"


def service(name, **more):
    return {"metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "ports": [{"port": 80, "protocol": "TCP"}]}, **more}


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()


# ---------------------------------------------------------------- mishaps: each loses the news, which must arrive all the same


def changes(world):
    """What the watches are not told of: another node, and another range of this one."""
    world.api.put("nodes", node(3), told=False)
    world.api.put("nodes", node(1, "10.244.9.0/24"), told=False)


def is_list_of_nodes(exchange):
    return exchange.method == "GET" and exchange.target.startswith("/api/v1/nodes") and "watch=true" not in exchange.target


def once(world, applies, answer):
    """The next request that `applies` to is answered so."""
    def trouble(exchange):
        if not applies(exchange):
            return False
        world.api.trouble.remove(trouble)
        answer(exchange)
        return True
    world.api.trouble.append(trouble)


def expires(world):
    """The watch is told that its version is too old."""
    changes(world)
    world.api.forget()
    watch = world.api.watch_of("nodes")
    watch.event("ERROR", status_of(410, "too old resource version"))
    watch.end()


def is_too_busy(world):
    once(world, is_list_of_nodes, lambda e: e.answer(status_of(429, "slow down"), 429, "Retry-After: 1"))
    expires(world)


def times_out_behind_a_proxy(world):
    once(world, is_list_of_nodes, lambda e: e.answer("upstream timed out", 504))
    expires(world)


def sends_a_broken_chunk(world):
    changes(world)
    world.api.watch_of("nodes").send("zz\r\nnot a chunk\r\n")


def breaks_off_within_an_event(world):
    changes(world)
    watch = world.api.watch_of("nodes")
    watch.chunk('{"type":"MODIFIED","object":{"metadata":{"name":"n1"')
    watch.close()


def stalls_within_a_list(world):
    def stall(exchange):
        exchange.head()
        exchange.chunk('{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":[')
    once(world, is_list_of_nodes, stall)
    expires(world)


def closes_every_connection(world):
    changes(world)
    world.cut()


def ends_watches_and_asks_for_other_connections(world):
    once(world, lambda e: "watch=true" in e.target and "/nodes?" in e.target,
         lambda e: (e.head(200, "Connection: close"), e.end(), e.close()))
    changes(world)
    world.api.watch_of("nodes").end()


def shows_an_expired_certificate(world):
    before = (world.pods(), world.neighbors())
    world.server.use(*world.authority.issue("old", days=-1))
    world.cut()
    changes(world)
    world.server.refused.get(timeout=30)
    world.server.refused.get(timeout=30)
    assert (world.pods(), world.neighbors()) == before, "the API's trouble is no news of the cluster"
    world.server.use(*world.authority.issue("renewed"))


def has_another_authority(world):
    other = Authority(world.directory, "other")
    world.server.use(*other.issue("other-server"))
    world.cut()
    changes(world)
    world.server.refused.get(timeout=30)
    shutil.copy(other.certificate, world.authority_file)


def takes_another_token_only(world):
    def refuse(exchange):
        if exchange.headers["authorization"] == "Bearer second":
            return False
        exchange.answer(status_of(401, "Unauthorized"), 401)
        return True
    world.api.trouble.append(refuse)
    world.cut()
    changes(world)
    wait_until(lambda: "Unauthorized" in world.said(), world.said)
    world.token.write_text("second\n")


MISHAPS = [expires, is_too_busy, times_out_behind_a_proxy, sends_a_broken_chunk, breaks_off_within_an_event,
           stalls_within_a_list, closes_every_connection, ends_watches_and_asks_for_other_connections,
           shows_an_expired_certificate, has_another_authority, takes_another_token_only]


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)
def test_the_files_end_as_the_api_is_though_it(world, mishap):
    world.start()
    world.waits("10.244.1.0/24", ["10.0.0.2"])
    mishap(world)
    world.waits("10.244.9.0/24", ["10.0.0.2", "10.0.0.3"], 90)
    assert not world.api.trouble or mishap is takes_another_token_only, "it never came to it"


# ---------------------------------------------------------------- the one that leads


def leading(world, name="web"):
    """An agent that has led long enough to give a Service its address."""
    world.api.put("ippools", ours("public", addresses=[POOL]))
    world.api.put("services", service(name))
    world.api.put("endpointslices", {
        "metadata": {"name": f"{name}-1", "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.244.2.7"], "nodeName": "n2", "conditions": {"ready": True}}],
        "ports": [{"port": 80}]})
    world.start()


def ingress(world, name="web"):
    item = world.api.get("services", f"default/{name}")
    return [one["ip"] for one in item.get("status", {}).get("loadBalancer", {}).get("ingress", [])]


def test_an_agent_that_ends_gives_its_lease_back_and_leaves_everything_as_it_is(world):
    leading(world)
    wait_until(lambda: f"{VIP}/32" in world.originated(), lambda: f"{world.originated()}\n{world.said()}", 60)
    assert world.api.get("leases", LEASE)["spec"]["holderIdentity"].startswith("n1_")
    files = {path: path.read_bytes() for path in sorted(world.directory.rglob("*.json"))}
    world.process.send_signal(signal.SIGTERM)
    world.api.put("nodes", node(3))  # nobody plans for it any more
    assert world.process.wait(10) == 0
    assert world.api.get("leases", LEASE)["spec"]["holderIdentity"] == ""
    assert {path: path.read_bytes() for path in sorted(world.directory.rglob("*.json"))} == files
    assert ingress(world) == [VIP]


def test_an_upgraded_server_that_has_another_version_of_endpoint_slices_costs_no_route(world):
    """v1beta1 went with Kubernetes 1.25."""
    world.api.slices = "v1beta1"
    leading(world)
    wait_until(lambda: f"{VIP}/32" in world.originated(), lambda: f"{world.originated()}\n{world.said()}", 60)
    world.api.slices = "v1"
    world.cut()

    def watches_again():
        assert f"{VIP}/32" in world.originated()
        return any("/v1/endpointslices" in target and "watch=true" in target for _, target, _ in list(world.api.seen))
    wait_until(watches_again, world.said, 60)
    world.api.put("endpointslices", {**world.api.get("endpointslices", "default/web-1"), "endpoints": []})
    wait_until(lambda: f"{VIP}/32" not in world.originated(), lambda: f"{world.originated()}\n{world.said()}", 60)


def test_a_service_of_policy_local_is_announced_while_a_pod_of_this_node_is_ready(world):
    """Word for word as the API tells of it: elsewhere, here, not ready, ready, gone but for its name, and the last one
    on its way out that still serves."""
    def endpoint(node_name, **conditions):
        world.api.put("endpointslices", {
            "metadata": {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "ports": [{"port": 80}],
            "endpoints": [{"addresses": ["10.244.1.7"], "nodeName": node_name, "conditions": conditions}]})

    def announced(yes):
        wait_until(lambda: (f"{VIP}/32" in world.originated()) == yes, lambda: f"{world.originated()}\n{world.said()}")

    one = service("web")
    one["spec"]["externalTrafficPolicy"] = "Local"
    one["status"] = {"loadBalancer": {"ingress": [{"ip": VIP}]}}
    world.api.put("ippools", ours("public", addresses=[POOL]))
    world.api.put("services", one)
    endpoint("n1", ready=True)
    world.start()
    announced(True)
    for node_name, conditions, yes in (("n2", {"ready": True}, False), ("n1", {"ready": True, "serving": True}, True),
                                       ("n1", {"ready": False}, False), ("n1", {}, True),
                                       ("n1", {"ready": False, "serving": False, "terminating": True}, False),
                                       ("n1", {"ready": False, "serving": True, "terminating": True}, True)):
        endpoint(node_name, **conditions)
        announced(yes)


def test_an_answer_that_is_older_than_what_the_watch_told_changes_nothing(world):
    def overtaken(exchange):
        """The Service is written, and changed by its owner; the watch tells of both before the answer arrives."""
        before = events_of_services(world)
        world.api.put("services", service("web", status={"loadBalancer": {"ingress": [{"ip": VIP}]}}))
        answer = world.api.get("services", "default/web")
        world.api.put("services", {**service("web"), "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.9"}})
        wait_until(lambda: events_of_services(world) >= before + 2, "both events")
        exchange.answer(answer)

    once(world, lambda e: e.method == "PATCH" and e.target.endswith("/services/web/status"), overtaken)
    leading(world)
    wait_until(lambda: not world.api.trouble, world.said, 60)
    wait_until(lambda: world.api.get("ippools", "public").get("status", {}).get("used") == 0, world.said, 60)
    assert f"{VIP}/32" not in world.originated() and ingress(world) == []


def events_of_services(world):
    """How many events of Services the agent has read, as it says itself."""
    done = subprocess.run(["curl", "-sS", "--unix-socket", str(world.directory / "agent.sock"), "http://x/metrics"],
                          capture_output=True, text=True, timeout=10, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("slash32_agent_watch_events_total{") and '"Service"' in line:
            return float(line.split()[-1])
    return 0


def test_an_event_that_the_api_never_takes_holds_up_no_other(world):
    """Nothing can be made in a namespace that is being taken down, and that may take for ever."""
    def refuse(exchange):
        if exchange.method != "POST" or "/namespaces/a-dying/events" not in exchange.target:
            return False
        exchange.answer(status_of(403, "unable to create new content in namespace a-dying because it is being terminated"), 403)
        return True
    world.api.trouble.append(refuse)
    world.api.put("ippools", ours("public", addresses=["192.0.2.10/32"], serviceSelector={"matchLabels": {"a": "b"}}))
    for space in ("a-dying", "default"):
        world.api.put("services", {**service("web"), "metadata": {"name": "web", "namespace": space}})
    world.start()
    wait_until(lambda: any(e["reason"] == "NoAddress" for e in world.api.written_to("/namespaces/default/events")), world.said, 45)


def test_the_only_nodes_agent_leads_and_says_what_it_makes_of_a_peer(world):
    """It watches its own Node alone until it leads, and then all of them, of which there are no more."""
    world.api.delete("nodes", "n2")
    world.api.put("bgpconfigurations", ours("default", mesh={"enabled": False}, masquerade={"enabled": False}))
    world.api.put("bgppeers", ours("tor", address="10.0.0.254", remoteAs=65000))
    world.start()
    wait_until(lambda: world.api.get("bgppeers", "tor").get("status"), world.said, 60)
    condition, = world.api.get("bgppeers", "tor")["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["message"]) == ("Accepted", "True", "selects 1 node")
    world.waits("10.244.1.0/24", ["10.0.0.254"])


def test_resources_of_which_none_can_be_read_are_told_so(world):
    """No schema knows everything that bgpd's reader does."""
    world.api.put("bgpfilters", ours("f", terms=[{"then": "perhaps"}]))
    world.start()
    wait_until(lambda: world.api.get("bgpfilters", "f").get("status"), world.said, 60)
    condition, = world.api.get("bgpfilters", "f")["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Accepted", "False", "Invalid")
    assert condition["message"].startswith("/spec/terms/0/then")


def test_a_lease_that_is_deleted_is_made_again_by_its_holder(world):
    leading(world)
    wait_until(lambda: ingress(world) == [VIP], world.said, 60)
    holder = world.api.get("leases", LEASE)["spec"]["holderIdentity"]
    world.api.delete("leases", LEASE)
    wait_until(lambda: world.api.get("leases", LEASE), world.said, 30)
    assert world.api.get("leases", LEASE)["spec"]["holderIdentity"] == holder
    world.api.put("services", service("other"))
    wait_until(lambda: ingress(world, "other") == ["192.0.2.11"], world.said, 30)


@pytest.mark.parametrize("port", ["91x2", "0", "65536", ""])
def test_a_port_of_the_metrics_that_is_none_is_refused_with_its_place(world, port):
    world.flags = [f"--metrics-address=127.0.0.1:{port}"]
    world.start()
    assert world.process.wait(10) == 1
    assert f'\\"127.0.0.1:{port}\\" has no port (1 to 65535)' in world.said(), world.said()
