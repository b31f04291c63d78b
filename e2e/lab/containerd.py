"""Debian's containerd inside a node, with our plugin as its network."""

import json
import os

from lab import image
from lab.cri import Runtime
from lab.shell import path_of, wait_until

SOCKET = "/run/containerd/containerd.sock"
CONFLIST = "/etc/cni/net.d/10-slash32.conflist"

# The native snapshotter copies the one small layer, which works on every filesystem; oom scores may not be
# lowered where root lacks CAP_SYS_RESOURCE, and runc dies of trying.
CONFIG = """version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.overlayfs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_tcp_service = true
  ignore_image_defined_volumes = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"""


def write_conflist(node, conflist):
    """Puts a conflist in place as an installer should: whole, by rename."""
    target = path_of(node.pid, CONFLIST)
    with open(target + ".tmp", "w", encoding="utf-8") as file:
        json.dump(conflist, file, indent=2)
    os.rename(target + ".tmp", target)


class Containerd:
    """One node's container runtime."""

    def __init__(self, node):
        self._node = node
        self._daemon = None
        self.cri = None
        with open(path_of(node.pid, "/etc/containerd/config.toml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(image=image.NAME))

    def launch(self):
        """Starts the daemon without waiting for it, so that several nodes can start side by side."""
        self._daemon = self._node.spawn(["containerd", "--log-level", "warn"], "containerd")

    def wait_serving(self):
        """Waits until the runtime serves, and loads the sandbox image once."""
        socket = path_of(self._node.pid, SOCKET)
        wait_until(lambda: os.path.exists(socket), 30, lambda: f"containerd's socket\n{self._daemon.log_tail()}")
        if self.cri is None:
            self.cri = Runtime(socket)
            self.import_image(self._node.lab.image)

    def wait_ready(self):
        """Waits until the runtime serves and its network is ready."""
        self.wait_serving()
        wait_until(self.cri.is_network_ready, 30, lambda: f"the pod network\n{self._daemon.log_tail()}")

    def import_image(self, archive):
        """Loads the images of an OCI or docker archive, which must lie in the lab's directory."""
        self._node.run("ctr", "-n", "k8s.io", "images", "import", "--snapshotter", "native", archive)

    def stop(self):
        """Ends the daemon; its sandboxes go on."""
        self._daemon.stop()

    def close(self):
        """Closes our connection to it; the next wait makes a new one."""
        if self.cri:
            self.cri.close()
        self.cri = None
