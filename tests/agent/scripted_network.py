"""A network namespace to start an agent in. As root."""

import ctypes
import subprocess
import threading

CLONE_NEWNET = 0x40000000


class Network:
    """A network namespace, which goes with its holder. Its way out has an MTU that nothing else has."""

    def __init__(self):
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "sh", "-c",
                                        "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        for words in ("link set lo up", "link add up0 mtu 1432 type veth peer name up1 mtu 1432", "addr add 10.0.0.1/24 dev up0",
                      "link set up0 up", "link set up1 up", "route add default via 10.0.0.254"):
            self.ip(words)

    def ip(self, words):
        subprocess.run([*self.inside, "ip", *words.split()], check=True, timeout=30)

    def make(self, what):
        """What `what` returns; sockets that it opens are of this network."""
        made = []

        def enter():
            with open(f"/proc/{self.holder.pid}/ns/net", "rb") as there:
                assert ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) == 0, "needs root"
            made.append(what())
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()
