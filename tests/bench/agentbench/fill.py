"""The objects of a large cluster, made through the API over a few connections that are kept."""

import http.client
import json
import os
import socket
import ssl
import threading
import time

from kubernetes.lab import inside
from lab.lab import REPOSITORY

NODES, SERVICES = "/api/v1/nodes", "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"
GROUP = "/apis/slash32.io/v1alpha1"
WORKERS = 4
OWN = "node-1"


class Connection(http.client.HTTPSConnection):
    """The API as administrator, from within the world's network."""

    def __init__(self, world):
        tls = ssl.create_default_context(cafile=world.plane.ca_file)
        tls.load_cert_chain(world.plane.pki.certificate("admin"), world.plane.pki.key("admin"))
        super().__init__(world.plane.address, world.plane.port, context=tls, timeout=120)
        self._netns, self._tls = world.netns, tls

    def connect(self):
        plain = inside.connect(self._netns, (self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes: 40 ms otherwise
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def ask(self, method, path, body, kind="application/json"):
        """A request that must be taken; returns the object in the answer."""
        self.request(method, path, json.dumps(body), {"Content-Type": kind})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text)


def node(number):
    """A Node with its ranges; the second and third are reflectors."""
    labels = {"bench/reflector": "yes"} if number in (2, 3) else {}
    return {"metadata": {"name": f"node-{number}", "labels": labels},
            "spec": {"podCIDRs": [f"10.{128 + number // 256}.{number % 256}.0/24"],
                     "podCIDR": f"10.{128 + number // 256}.{number % 256}.0/24"}}


def node_address(number):
    """A Node's InternalIP: that of the world for our own."""
    return "10.0.0.1" if number == 1 else f"10.1.{number // 250}.{number % 250 + 1}"


def service(number):
    """A Service as charts make them, labels and annotations of others and all."""
    return {"metadata": {"name": f"service-{number}", "annotations": {"example.com/owner": "a team of this cluster"},
                         "labels": {"app.kubernetes.io/name": f"app-{number}", "app.kubernetes.io/instance": "bench"}},
            "spec": {"type": "LoadBalancer", "selector": {"app": f"app-{number}"},
                     "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"},
                               {"name": "https", "port": 443, "targetPort": 8443, "protocol": "TCP"}]}}


def name_of_slice(number, services):
    """Of a Service all slices but the first are empty of ready endpoints."""
    return f"service-{number % services + 1}-{number // services}"


def endpoint(number, index, nodes, ready):
    """One endpoint somewhere in the cluster."""
    return {"addresses": [f"10.{128 + index}.{number // 250 % 256}.{number % 250 + 1}"], "conditions": {"ready": ready},
            "topology": {"kubernetes.io/hostname": f"node-{(number * 7 + index) % nodes + 1}"}}


def endpoint_slice(number, arguments):
    """A slice of some Service."""
    services = arguments.services
    ready = number < services
    return {"addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "metadata": {"name": name_of_slice(number, services),
                         "labels": {"kubernetes.io/service-name": f"service-{number % services + 1}"}},
            "endpoints": [endpoint(number, i, arguments.nodes, ready) for i in range(arguments.endpoints)]}


def spread(world, numbers, work):
    """work(connection, number) for all numbers, by a few threads."""
    waiting, lock, failed = iter(numbers), threading.Lock(), []

    def run():
        connection = Connection(world)
        while not failed:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            try:
                work(connection, number)
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                failed.append(error)
    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def make_ours(connection, kind, name, spec):
    """An object of our own group."""
    connection.ask("POST", f"{GROUP}/{kind.lower()}s", {"apiVersion": "slash32.io/v1alpha1", "kind": kind,
                                                        "metadata": {"name": name}, "spec": spec})


def make_node(connection, number):
    """A Node and its address."""
    connection.ask("POST", NODES, node(number))
    addresses = [{"type": "InternalIP", "address": node_address(number)}]
    connection.ask("PATCH", f"{NODES}/node-{number}/status", {"status": {"addresses": addresses}},
                   "application/merge-patch+json")


def fill(world, arguments):
    """Everything, and says how long it took."""
    began = time.monotonic()
    world.plane.kubectl("apply", "-k", os.path.join(REPOSITORY, "manifests/crds"))
    world.plane.kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=60s")
    world.plane.token("slash32-system", "slash32")
    connection = Connection(world)
    make_ours(connection, "IPPool", "public", {"addresses": ["10.64.0.0/15"]})
    make_ours(connection, "BGPPeer", "tor", {"address": "10.0.0.254", "remoteAs": 65000})
    reflectors = {"nodeSelector": {"matchLabels": {"bench/reflector": "yes"}}}
    make_ours(connection, "BGPConfiguration", "default", {"reflectors": reflectors, "kernel": {"install": False}})
    spread(world, range(1, arguments.nodes + 1), make_node)
    spread(world, range(1, arguments.services + 1), lambda c, n: c.ask("POST", SERVICES, service(n)))
    spread(world, range(arguments.slices), lambda c, n: c.ask("POST", SLICES, endpoint_slice(n, arguments)))
    print(f"objects: {arguments.nodes} Nodes, {arguments.services} Services, {arguments.slices} EndpointSlices of "
          f"{arguments.endpoints} endpoints, made in {time.monotonic() - began:.0f} s", flush=True)
