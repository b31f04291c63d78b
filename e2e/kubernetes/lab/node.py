"""A node that joins the cluster: the lab's node, and in it a real kubelet and kube-proxy."""

import json
import os
import shutil
import uuid

from kubernetes.lab import binaries
from kubernetes.lab.control_plane import DUAL_STACK
from lab.lab import CGROUPS, cgroup_parent
from lab.node import INIT, Node
from lab.pod import Pod
from lab.shell import path_of, wait_until

CONTAINERD = "unix:///run/containerd/containerd.sock"
KUBERNETES = "/etc/kubernetes"
# The kubelet insists on these settings of the whole machine and would write them. It finds them as it wants them, in
# files that lie over the real ones in the node's own mounts.
MACHINE_SETTINGS = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
                    "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000}


class KubernetesPod(Pod):
    """A pod of the API: a sandbox to probe from, and what the API said of it as `item`."""

    def __init__(self, node, item, sandbox, status):
        super().__init__(node, item["metadata"]["name"], sandbox, status)
        self.item = item

    def secret(self, name):
        """The path, from outside, of a file of the pod's service account: ca.crt, token or namespace."""
        volume = next(v["name"] for v in self.item["spec"]["volumes"] if "secret" in v)
        directory = f"/var/lib/kubelet/pods/{self.item['metadata']['uid']}/volumes/kubernetes.io~secret/{volume}"
        return path_of(self.node.pid, f"{directory}/{name}")


class KubernetesNode(Node):
    """A machine that runs the pods which the API assigns to it."""

    def __init__(self, lab, name, plugins=("loopback",)):
        self.kubelet = self.proxy = None
        super().__init__(lab, name, plugins)
        self._hide_machine()
        self._cgroup = f"{cgroup_parent(lab.mark)}/{name}"
        self._make_cgroups()
        for program in ("kubelet", "kube-proxy"):
            self._install(binaries.path(program))

    def _install(self, program):
        target = os.path.join(self.directory, "root/opt/kubernetes", os.path.basename(program))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.link(program, target)
        except OSError:  # the cache is on another filesystem
            shutil.copy2(program, target)

    def _cgroup_directories(self):
        """The node's own cgroup, in each hierarchy of version 1 or in the one of version 2."""
        hierarchies = [CGROUPS] if os.path.exists(f"{CGROUPS}/cgroup.procs") else [
            entry.path for entry in os.scandir(CGROUPS) if entry.is_dir(follow_symlinks=False)]
        return [path + self._cgroup for path in hierarchies]

    def _make_cgroups(self):
        for path in self._cgroup_directories():
            os.makedirs(path)

    def _remove_cgroups(self):
        """Removes what a boot would not have left; returns whether all is gone."""
        for directory in self._cgroup_directories():
            for path, _, _ in os.walk(directory, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    return False  # a process of it is still dying
        return True

    def _hide_machine(self):
        """Gives the node its own boot ID, and settings of the whole machine that it cannot change."""
        values = {**MACHINE_SETTINGS, "kernel/random/boot_id": uuid.uuid4()}
        for name, value in values.items():
            inside = "/run/machine/" + name.replace("/", ".")
            os.makedirs(path_of(self.pid, "/run/machine"), exist_ok=True)
            with open(path_of(self.pid, inside), "w", encoding="ascii") as file:
                file.write(f"{value}\n")
            self.run("mount", "--bind", inside, f"/proc/sys/{name}")

    def write(self, path, text):
        """Writes a file of the node, and the directories above it."""
        target = path_of(self.pid, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)

    def join(self, plane, addresses):
        """Starts the kubelet, which makes the Node in the API; addresses are the node's own, one a family."""
        plane.pki.issue(self.name, f"system:node:{self.name}", ["system:nodes"])
        kubeconfig = plane.write_kubeconfig(self.name)  # in the lab's directory, which the node sees
        self.write(f"{KUBERNETES}/kubelet.json", json.dumps(self._kubelet_config(plane), indent=2))
        argv = ["/opt/kubernetes/kubelet", f"--config={KUBERNETES}/kubelet.json", f"--kubeconfig={kubeconfig}",
                f"--hostname-override={self.name}", f"--node-ip={','.join(addresses)}", "--container-runtime=remote",
                f"--container-runtime-endpoint={CONTAINERD}", "--root-dir=/var/lib/kubelet"]
        self.kubelet = self.spawn(argv, "kubelet")

    def _kubelet_config(self, plane):
        return {
            "kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": plane.ca_file}},
            "authorization": {"mode": "Webhook"},
            "featureGates": {"IPv6DualStack": True},
            # Below the lab's own cgroup the kubelet may do as it does below the root.
            "cgroupDriver": "cgroupfs", "cgroupRoot": self._cgroup,
            "protectKernelDefaults": True, "failSwapOn": False,
            # How full the machine's disk is, is none of the tests' business.
            "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "2s",
            "clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local",
        }

    def start_proxy(self, plane, pod_ranges):
        """Starts kube-proxy in iptables mode."""
        kubeconfig = plane.write_kubeconfig("kube-proxy")
        argv = ["/opt/kubernetes/kube-proxy", f"--kubeconfig={kubeconfig}", f"--hostname-override={self.name}",
                "--proxy-mode=iptables", f"--cluster-cidr={','.join(pod_ranges)}", DUAL_STACK,
                # Connection tracking's limits are the whole machine's.
                "--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0", "--iptables-min-sync-period=100ms"]
        self.proxy = self.spawn(argv, "kube-proxy")

    def find_pod(self, item):
        """The sandbox of a pod of the API."""
        cri, address = self.containerd.cri, item["status"]["podIP"]
        for sandbox in cri.sandboxes():
            status = cri.status(sandbox)
            if status["ready"] and address in status["ips"]:
                return KubernetesPod(self, item, sandbox, status)
        raise AssertionError(f"{self.name} has no sandbox with {address}")

    def reboot(self):
        """Ends everything that runs on the node and starts the machine anew, with its disk; no wires, no daemons."""
        super().stop()
        wait_until(self._remove_cgroups, 20, f"end of the cgroups {self._cgroup}")
        self._start(["/bin/sh", INIT, os.path.join(self.directory, "root"), self.name, self.lab.directory])
        self.set_up_network()
        self._make_cgroups()
        self._hide_machine()
