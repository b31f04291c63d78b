"""The real kube-apiserver that other tests rely on: it starts, it knows who asks, and it can be made difficult."""

import http.client
import json
import signal
import ssl

import pytest
from kubernetes.lab import control_plane
from kubernetes.lab.api import Api

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def put_config_map(plane, name):
    """Creates a ConfigMap and returns it."""
    return plane.api.create(CONFIG_MAPS, {"metadata": {"name": name}, "data": {"key": "value"}})


def test_it_is_the_version_that_debian_has_the_source_of(apiserver):
    """And says so to kubectl of the same source."""
    versions = json.loads(apiserver.kubectl("version", "--output=json"))
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"] == "v1.20.2"


def test_an_object_is_kept_as_it_was_given(apiserver):
    """Created, read, changed and deleted."""
    put_config_map(apiserver, "kept")
    assert apiserver.api.get(f"{CONFIG_MAPS}/kept")["data"] == {"key": "value"}
    apiserver.api.patch(f"{CONFIG_MAPS}/kept", {"data": {"key": None, "other": "1"}})
    assert apiserver.api.get(f"{CONFIG_MAPS}/kept")["data"] == {"other": "1"}
    apiserver.api.delete(f"{CONFIG_MAPS}/kept")
    assert apiserver.api.request("GET", f"{CONFIG_MAPS}/kept")[0] == 404


def test_services_get_addresses_of_both_families(apiserver):
    """Dual stack is on in the API itself."""
    service = {"metadata": {"name": "dual"}, "spec": {"ports": [{"port": 80}], "ipFamilyPolicy": "RequireDualStack"}}
    spec = apiserver.api.create("/api/v1/namespaces/default/services", service)["spec"]
    assert spec["ipFamilies"] == ["IPv4", "IPv6"]
    assert spec["clusterIPs"][0].startswith("10.96.") and spec["clusterIPs"][1].startswith("fd00:10:96:")


def test_a_service_account_may_what_its_role_says_and_nothing_else(apiserver):
    """RBAC is on, and tokens are real."""
    api = apiserver.api_with(apiserver.token("kube-system", "reader"))
    assert api.request("GET", "/api/v1/nodes")[0] == 403
    apiserver.kubectl("create", "clusterrole", "node-reader", "--verb=get,list,watch", "--resource=nodes")
    apiserver.kubectl("create", "clusterrolebinding", "node-reader", "--clusterrole=node-reader",
                      "--serviceaccount=kube-system:reader")
    assert api.get("/api/v1/nodes")["items"] == []
    assert api.request("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})[0] == 403


def test_a_token_that_nobody_issued_is_refused(apiserver):
    """401, not 403: who asks is not known."""
    assert apiserver.api_with("invented").request("GET", "/api/v1/nodes")[0] == 401


def test_a_client_that_trusts_another_authority_does_not_speak_to_it(apiserver, tmp_path):
    """The certificates are checked for real."""
    other = control_plane.Pki(str(tmp_path / "other"))
    with pytest.raises(ssl.SSLCertVerificationError):
        Api(apiserver.url, other.certificate("ca")).get("/api")


def test_a_list_from_before_a_compaction_is_gone(apiserver):
    """410, by which a client learns that it must list anew."""
    old = put_config_map(apiserver, "old")["metadata"]["resourceVersion"]
    put_config_map(apiserver, "new")
    apiserver.compact()
    exact = f"{CONFIG_MAPS}?resourceVersion={old}&resourceVersionMatch=Exact&limit=1"
    assert apiserver.api.request("GET", exact)[0] == 410


def test_what_it_was_told_survives_its_crash(apiserver):
    """etcd holds it; the server comes back at the same address with the same keys."""
    put_config_map(apiserver, "lasting")
    token = apiserver.token("kube-system", "patient")
    apiserver.stop_server(signal.SIGKILL)
    with pytest.raises(OSError):
        apiserver.api.get(CONFIG_MAPS)
    apiserver.start_server()
    assert apiserver.api.get(f"{CONFIG_MAPS}/lasting")["data"] == {"key": "value"}
    assert apiserver.api_with(token).request("GET", CONFIG_MAPS)[0] == 403


def test_flags_reach_it():
    """With this one it ends each watch after a second or two."""
    with control_plane.running(["--min-request-timeout=1"]) as plane:
        context = ssl.create_default_context(cafile=plane.ca_file)
        context.load_cert_chain(plane.pki.certificate("admin"), plane.pki.key("admin"))
        connection = http.client.HTTPSConnection(plane.address, plane.port, timeout=30, context=context)
        connection.request("GET", f"{CONFIG_MAPS}?watch=1")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()  # to the end, which comes by itself
        connection.close()
