"""Where the programs of Kubernetes are: built once, outside the checkout, by build.sh."""

import functools
import os
import subprocess

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build.sh")


@functools.lru_cache(maxsize=None)
def directory():
    """The directory of kube-apiserver, kubelet, kubectl and the others; builds them where they are not there yet."""
    done = subprocess.run([BUILD], stdout=subprocess.PIPE, text=True, check=False)  # it reports on our own stderr
    assert done.returncode == 0, f"{BUILD} ended with status {done.returncode}; what it said is on stderr"
    return done.stdout.strip()


def path(program):
    """The path of one of the programs."""
    return os.path.join(directory(), program)
