"""etcd and a real kube-apiserver: the API without nodes, up in about five seconds.

In a test, or in any program:

    with control_plane.running() as plane:
        plane.api.create("/api/v1/namespaces", {"metadata": {"name": "a"}})
        run_agent(plane.url, plane.ca_file, plane.token("kube-system", "slash32-agent"))

From a shell, `e2e/kubernetes/apiserver COMMAND…` runs a command with KUBECONFIG and the rest in its environment.
"""

import itertools
import json
import os
import signal
from contextlib import contextmanager

from kubernetes.lab import binaries
from kubernetes.lab.api import Api
from kubernetes.lab.host import Host
from kubernetes.lab.pki import Pki
from lab.lab import Lab
from lab.shell import environment, run, wait_until

SERVICE_RANGES = "10.96.0.0/16,fd00:10:96::/112"
SERVICE_ADDRESSES = ("10.96.0.1", "fd00:10:96::1")  # of the Service `kubernetes`
DUAL_STACK = "--feature-gates=IPv6DualStack=true"
ADMIN = "admin"
_started = itertools.count()


def own_loopback_address():
    """A loopback address that no other test process uses at the same time."""
    pid = os.getpid()
    return f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


class ControlPlane:
    """One etcd and one kube-apiserver on a host: a Machine of the lab, or the Host we run on.

    url, ca_file: where it serves, and who vouches for it. api: requests as cluster administrator.
    pki: its certificate authority. flags: more flags of kube-apiserver, kept for later starts.
    """

    def __init__(self, host, address=None, flags=()):
        self.host = host
        self.flags = list(flags)
        self._loopback = address is None
        self.address = address or own_loopback_address()
        number = next(_started)
        self.port, self._etcd_port, self._peer_port = 6443 + number, 12379 + number, 22380 + number
        self.url = f"https://{self.address}:{self.port}"
        self.etcd = self.server = None
        self.pki = Pki(os.path.join(host.directory, "pki"))
        self.ca_file = self.pki.certificate("ca")
        self._issue()
        self.api = self.api_as(ADMIN)
        self.kubeconfig = self.write_kubeconfig(ADMIN)

    def _issue(self):
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                 "kubernetes.default.svc.cluster.local"]
        addresses = ["127.0.0.1", "::1", self.address, *SERVICE_ADDRESSES]
        self.pki.issue("apiserver", "kube-apiserver",
                       addresses=[f"DNS:{name}" for name in names] + [f"IP:{address}" for address in addresses])
        self.pki.issue(ADMIN, "admin", ["system:masters"])
        self.pki.issue("kubelet-client", "kube-apiserver", ["system:masters"])
        self.pki.new_key("service-accounts")

    def _etcd_argv(self):
        data = os.path.join(self.host.directory, "etcd")
        os.makedirs(data, mode=0o700, exist_ok=True)
        client, peer = (f"http://{self.address}:{port}" for port in (self._etcd_port, self._peer_port))
        # Its files are in memory: what etcd waits for is the disk, and that is what other tests keep busy.
        memory = ["unshare", "--mount", "--", "sh", "-c", 'mount -t tmpfs -o mode=700 etcd "$0" && exec "$@"', data]
        return [*memory, "etcd", f"--data-dir={data}/data", f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}", "--log-level=warn",
                "--logger=zap"]

    def _server_argv(self):
        pki = self.pki
        # Nobody reaches a loopback address from elsewhere: the Service `kubernetes` has no endpoints then, and the
        # address to advertise, which may not be a loopback one, is from a range for documentation.
        reach = (["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"] if self._loopback
                 else [f"--advertise-address={self.address}"])
        # Without a controller manager no namespace has its service account, and no pod could be created.
        admission = ["--disable-admission-plugins=ServiceAccount"] if self._loopback else []
        return [binaries.path("kube-apiserver"), f"--etcd-servers=http://{self.address}:{self._etcd_port}",
                f"--bind-address={self.address}", f"--secure-port={self.port}", "--insecure-port=0", *reach, DUAL_STACK,
                f"--service-cluster-ip-range={SERVICE_RANGES}", "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction", *admission, "--allow-privileged=true",
                f"--client-ca-file={self.ca_file}", f"--tls-cert-file={pki.certificate('apiserver')}",
                f"--tls-private-key-file={pki.key('apiserver')}",
                f"--kubelet-client-certificate={pki.certificate('kubelet-client')}",
                f"--kubelet-client-key={pki.key('kubelet-client')}",
                "--kubelet-preferred-address-types=InternalIP",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-signing-key-file={pki.key('service-accounts')}",
                f"--service-account-key-file={pki.key('service-accounts')}", *self.flags]

    def launch(self):
        """Starts both without waiting for them."""
        self.etcd = self.host.spawn(self._etcd_argv(), "etcd")
        self.server = self.host.spawn(self._server_argv(), "kube-apiserver")

    def start(self):
        """Starts both and waits until the API is ready."""
        self.launch()
        self.wait_ready()
        return self

    def start_server(self):
        """Starts kube-apiserver again after stop_server(), and waits until it is ready."""
        self.server = self.host.spawn(self._server_argv(), "kube-apiserver")
        self.wait_ready()

    def stop_server(self, number=signal.SIGKILL):
        """Takes kube-apiserver away; etcd keeps what it knows."""
        self.server.stop(number, timeout=70)

    def wait_ready(self, timeout=60):
        """Waits until the API is ready; a server that has ended is an error."""
        def ready():
            for daemon in (self.etcd, self.server):
                assert daemon.is_running(), f"ended: {daemon.log}\n{daemon.log_tail(30)}"
            return self.api.is_ready()
        wait_until(ready, timeout, lambda: f"kube-apiserver\n{self.server.log_tail(30)}\n{self.etcd.log_tail(10)}")

    def api_as(self, name):
        """The API as the holder of a certificate that was issued under this name."""
        return Api(self.url, self.ca_file, certificate=(self.pki.certificate(name), self.pki.key(name)),
                   netns=self._netns())

    def api_with(self, token):
        """The API as the holder of a bearer token."""
        return Api(self.url, self.ca_file, token=token, netns=self._netns())

    def token(self, namespace, account, seconds=3600):
        """A service account's token for so long (at least 600 s); creates namespace and account where missing."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        for path, name in (("/api/v1/namespaces", namespace), (accounts, account)):
            status, text = self.api.request("POST", path, {"metadata": {"name": name}})
            assert status in (201, 409), f"{path}/{name}: {status} {text}"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"audiences": [], "expirationSeconds": seconds}}
        return self.api.create(f"{accounts}/{account}/token", request)["status"]["token"]

    def write_kubeconfig(self, name, token=None, url=None):
        """Writes NAME.kubeconfig, with a certificate issued under this name or with a token; returns its path.

        url: the server to name, where it is not the one we use ourselves.
        """
        user = {"token": token} if token else {"client-certificate": self.pki.certificate(name),
                                               "client-key": self.pki.key(name)}
        path = os.path.join(self.pki.directory, f"{name}.kubeconfig")
        cluster = {"server": url or self.url, "certificate-authority": self.ca_file}
        document = {"apiVersion": "v1", "kind": "Config", "current-context": "lab",
                    "clusters": [{"name": "lab", "cluster": cluster}], "users": [{"name": name, "user": user}],
                    "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": name}}]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)  # JSON is YAML
        return path

    def kubectl(self, *words, **options):
        """Runs kubectl as administrator and returns what it printed."""
        options.setdefault("env", {**environment(self.host.lab.mark), "KUBECONFIG": self.kubeconfig,
                                   "HOME": self.host.directory})
        return run([*self._inside(), binaries.path("kubectl"), *words], **options).stdout

    def compact(self):
        """Makes etcd forget all but the present: a list or watch from before answers 410 Gone."""
        client = ["etcdctl", f"--endpoints=http://{self.address}:{self._etcd_port}"]
        env = {**environment(self.host.lab.mark), "ETCDCTL_API": "3"}
        status = json.loads(run([*self._inside(), *client, "endpoint", "status", "-w", "json"], env=env).stdout)
        revision = status[0]["Status"]["header"]["revision"]
        run([*self._inside(), *client, "compact", revision, "--physical"], env=env)
        return revision

    def _netns(self):
        return f"/proc/{self.host.pid}/ns/net"

    def _inside(self):
        """What a command starts with to run where the servers can be reached."""
        return ["nsenter", f"--net={self._netns()}", "--"]

    def environment(self):
        """What a program needs to find and enter the API, as environment variables."""
        return {"KUBECONFIG": self.kubeconfig, "KUBERNETES_URL": self.url, "KUBERNETES_CA_FILE": self.ca_file,
                "KUBERNETES_CLIENT_CERTIFICATE": self.pki.certificate(ADMIN),
                "KUBERNETES_CLIENT_KEY": self.pki.key(ADMIN), "KUBERNETES_DIRECTORY": self.host.directory}


@contextmanager
def running(flags=()):
    """A control plane on a loopback address for the length of a with block, in a lab of its own.

    flags: more flags of kube-apiserver; those that tests want are named in ../README.md.
    """
    binaries.directory()  # building takes long, and may fail: before anything is there to be taken down
    lab = Lab()
    try:
        yield ControlPlane(lab.add(Host(lab, "control-plane")), flags=flags).start()
    finally:
        lab.down()
