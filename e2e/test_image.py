"""The image of manifests/image: built without a registry, imported by real containerd and podman, and what runs in it."""

import ctypes
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import threading

import pytest
from lab import session
from lab.lab import REPOSITORY, Lab, binaries_directory, cgroup_parent
from lab.node import Node
from lab.shell import path_of, run, wait_until

BUILD = os.path.join(REPOSITORY, "manifests/image/build.sh")
NAME = "slash32.io/slash32:test"
LIMIT = 30 * 10**6
DAEMONS = ("slash32-agent", "slash32-bgpd", "slash32ctl")
STORAGE = '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'

sys.path.insert(0, os.path.join(REPOSITORY, "manifests/image"))
import build as builder  # noqa: E402  (found by the line above)
import elf  # noqa: E402  (found by the line above)
import oci  # noqa: E402


def missing():
    """The agent is left out where it was not built."""
    there = os.path.exists(os.path.join(binaries_directory(), "slash32-agent"))
    return [] if there else ["--without", "slash32-agent"]


def build(output, *more, **env):
    """Runs the script."""
    return subprocess.run([BUILD, "--output", str(output), "--name", NAME, *missing(), *more], capture_output=True, text=True,
                          check=False, env={**os.environ, **env})


def programs():
    """Options that name what is tested."""
    return ["--bin", binaries_directory()]


@pytest.fixture(scope="module", name="archive")
def fixture_archive(tmp_path_factory):
    """The image as an archive."""
    path = tmp_path_factory.mktemp("image") / "slash32.tar"
    done = build(path, *programs())
    assert done.returncode == 0, done.stderr
    return path


def blob(archive, digest):
    """A blob of the archive, which must have the digest that names it."""
    data = archive.extractfile("blobs/" + digest.replace(":", "/")).read()
    assert oci.digest_of(data) == digest
    return data


def test_the_archive_is_an_image_layout_whose_digests_agree(archive):
    """Index, manifest, configuration and layers, each as its descriptor says, and what `docker load` reads."""
    with tarfile.open(archive) as tar:
        index = json.load(tar.extractfile("index.json"))
        top, = index["manifests"]
        assert top["annotations"] == {"io.containerd.image.name": NAME, "org.opencontainers.image.ref.name": "test"}
        manifest = json.loads(blob(tar, top["digest"]))
        config = json.loads(blob(tar, manifest["config"]["digest"]))
        layers = [blob(tar, layer["digest"]) for layer in manifest["layers"]]
        assert [len(layer) for layer in layers] == [layer["size"] for layer in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(gzip.decompress(layer)).hexdigest()
                                                for layer in layers]
        assert sum(map(len, layers)) < LIMIT and config["architecture"] == "amd64"
        assert config["config"]["Labels"]["org.opencontainers.image.version"]
        docker, = json.load(tar.extractfile("manifest.json"))
        assert docker["RepoTags"] == [NAME] and all(name in tar.getnames() for name in docker["Layers"])


def test_the_same_programs_give_the_same_bytes(archive, tmp_path):
    """Whatever the clock, the umask and the place say."""
    before = os.umask(0o077)
    try:
        assert build(tmp_path / "other.tar", *programs()).returncode == 0
    finally:
        os.umask(before)
    assert (tmp_path / "other.tar").read_bytes() == archive.read_bytes()


def test_what_cannot_be_an_image_is_refused_and_leaves_no_archive(tmp_path):
    """A missing program, one of another architecture, a plugin that is not static, an architecture nobody knows."""
    out = tmp_path / "x.tar"
    (tmp_path / "dynamic").mkdir()
    for name in (*DAEMONS, "slash32", "slash32-ipam"):
        shutil.copy("/bin/true", tmp_path / "dynamic" / name)
    for options, word in ((["--bin", str(tmp_path)], "not there"), (["--bin", f"arm64={binaries_directory()}"], "is not for arm64"),
                          (["--bin", str(tmp_path / "dynamic")], "is not static"), (["--bin", "riscv=x"], "riscv"),
                          (["--bin", "x", "--bin", "y"], "given twice")):
        done = build(out, *options)
        assert done.returncode != 0 and word in done.stderr, done
    assert not out.exists()


def test_an_image_that_has_grown_too_large_is_refused(tmp_path, monkeypatch, capsys):
    """Where it is built, not where nodes have to pull it."""
    monkeypatch.setattr(builder, "LIMIT", 400_000)
    program = b"\x7fELF\x02\x01".ljust(18, b"\0") + b"\x3e".ljust(46, b"\0")  # amd64, static
    for name in (*DAEMONS, "slash32", "slash32-ipam"):
        (tmp_path / name).write_bytes(program)
    command = ["--bin", str(tmp_path), "--output", str(tmp_path / "x.tar")]
    assert builder.main(command) == 0
    os.remove(tmp_path / "x.tar")
    (tmp_path / "slash32ctl").write_bytes(program + random.Random(1).randbytes(400_000))
    assert builder.main(command) == 1
    assert "octets, more than 400000" in capsys.readouterr().err and not (tmp_path / "x.tar").exists()


def test_several_architectures_are_one_index_over_an_image_each():
    """What `--bin amd64=… --bin arm64=…` writes, with layers of one file."""
    tree = oci.Tree()
    tree.file("/a", b"x")
    images = [oci.Image(architecture, [tree], {}, {}, 0) for architecture in ("amd64", "arm64")]
    data, digest = oci.archive(images, NAME, 0)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        top, = json.load(tar.extractfile("index.json"))["manifests"]
        assert top["mediaType"] == oci.INDEX and top["digest"] == digest
        inner = json.loads(blob(tar, digest))["manifests"]
        assert [m["platform"]["architecture"] for m in inner] == ["amd64", "arm64"]
        for one in inner:
            assert json.loads(blob(tar, one["digest"]))["layers"]


def for_arm64(source, target):
    """A copy that says it is for another machine; nobody runs it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(source, "rb") as file:
        data = bytearray(file.read())
    struct.pack_into("<H", data, 18, elf.ARM64)
    target.write_bytes(data)


def own(root, package, libraries):
    """Has dpkg of a root say that they are of this package, whose licence is there."""
    for name, text in (("var/lib/dpkg/status", f"Package: {package}\nStatus: install ok installed\nArchitecture: arm64\n"
                        "Version: 1\nMaintainer: x <x@x>\nDescription: x\n"),
                       (f"var/lib/dpkg/info/{package}.list", "".join(f"{p}\n" for p in libraries).replace("x86_64", "aarch64")),
                       ("var/lib/dpkg/info/format", "1\n"), (f"usr/share/doc/{package}/copyright", "theirs")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_one_image_of_two_architectures_has_the_libraries_of_each_and_their_licences(tmp_path):
    """Those of the other one from a root of its own, where nothing of this machine's is."""
    daemons = [os.path.join(binaries_directory(), name) for name in DAEMONS if [name] != missing()[1:]]
    for path in (*daemons, *(os.path.join(binaries_directory(), name) for name in ("slash32", "slash32-ipam"))):
        for_arm64(path, tmp_path / "bin" / os.path.basename(path))
    libraries = elf.closure(daemons, "amd64")
    for path, source in libraries.items():
        for_arm64(source, tmp_path / "root" / path.replace("x86_64", "aarch64").lstrip("/"))
    own(tmp_path / "root", "libtheirs", libraries)
    out, options = tmp_path / "x.tar", ["--bin", f"amd64={binaries_directory()}", "--bin", f"arm64={tmp_path}/bin"]
    assert build(out, *options, "--sysroot", "riscv=/").returncode == 2
    done = build(out, *options, "--sysroot", f"arm64={tmp_path}/root")
    assert done.returncode == 0, done.stderr
    with tarfile.open(out) as tar:
        index = json.loads(blob(tar, json.load(tar.extractfile("index.json"))["manifests"][0]["digest"]))
        for one, machine in zip(index["manifests"], (elf.AMD64, elf.ARM64)):
            layer = json.loads(blob(tar, one["digest"]))["layers"][0]
            with tarfile.open(fileobj=io.BytesIO(blob(tar, layer["digest"]))) as system:
                heads = [system.extractfile(file).read(20) for file in system if ".so" in file.name and file.isfile()]
                licences = {file.name.split("/")[-2] for file in system if file.name.endswith("/copyright")}
            assert [struct.unpack_from("<H", head, 18)[0] for head in heads] == [machine] * len(libraries)
            assert ("libc6" in licences, "libtheirs" in licences) == (machine == elf.AMD64, machine == elf.ARM64)


def test_the_closure_is_what_the_loader_itself_finds():
    """Our reading of the files against ldd's."""
    path = os.path.join(binaries_directory(), "slash32-bgpd")
    lines = run(["ldd", path]).stdout.splitlines()
    expected = {os.path.realpath(word) for line in lines for word in line.split() if word.startswith("/")}
    assert set(elf.closure([path], "amd64").values()) == expected


@pytest.fixture(scope="module", name="node")
def fixture_node(archive):
    """A node with containerd and our image in it."""
    lab = Lab()
    session.labs.append(lab.directory)
    try:
        node = lab.add(Node(lab, "n1"))
        node.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        node.ip("link", "set", "up0", "up")
        node.ip("link", "set", "up1", "up")
        node.ip("address", "add", "10.0.1.1/24", "dev", "up0")  # libc asks for no family that the node has not
        node.containerd.launch()
        wait_until(lambda: os.path.exists(path_of(node.pid, "/run/containerd/containerd.sock")), 30, "containerd's socket")
        target = path_of(node.pid, "/root/slash32.tar")
        with open(target, "wb") as file:
            file.write(archive.read_bytes())
        node.run("ctr", "images", "import", "--snapshotter", "native", "/root/slash32.tar")
        yield node
    finally:
        lab.down()


def in_container(node, *argv, options=(), check=True):
    """`ctr run` with the node's network and a root that cannot be written. What it prints goes through a file: ctr itself
    may be gone before it has copied what a short program said."""
    in_container.count += 1
    name = f"c{in_container.count}"
    printed = f"/run/{name}.printed"
    done = node.run("ctr", "run", "--rm", "--snapshotter", "native", "--net-host", "--read-only",
                    "--log-uri", f"file://{printed}",
                    "--cgroup", f"{cgroup_parent(node.lab.mark)}/{name}", *options, NAME, name, *argv, check=check)
    with open(path_of(node.pid, printed), encoding="utf-8") as file:
        done.stdout = file.read()
    return done


in_container.count = 0


def bind(source, target, mode="ro"):
    """An option of ctr."""
    return ["--mount", f"type=bind,src={source},dst={target},options=rbind:{mode}"]


def write(node, path, text):
    """A file on the node."""
    with open(path_of(node.pid, path), "w", encoding="utf-8") as file:
        file.write(text)


def test_every_program_runs_in_the_image_with_nothing_of_the_host(node):
    """The dynamic ones with the loader and libraries that came along."""
    listed = node.run("ctr", "images", "list", "-q").stdout.split()
    assert listed == [NAME]
    for program in DAEMONS:
        if program == "slash32-agent" and missing():
            continue
        assert in_container(node, program, "--version").stdout.strip(), program
    write(node, "/root/bgpd.json", json.dumps({"localAs": 64512, "routerId": "10.0.0.1", "neighbors": []}))
    shown = in_container(node, "slash32-bgpd", "--check-config", "/root/bgpd.json", options=bind("/root", "/root")).stdout
    assert '"localAs": 64512' in shown


def test_the_installer_of_the_image_makes_a_node_that_answers_version(node):
    """As the init container does it, with the node's directories mounted below /host."""
    node.sysctl({"net.ipv4.ip_forward": 0})
    node.run("rm", "-rf", "/opt/cni/bin/slash32", "/opt/cni/bin/slash32-ipam", "/etc/iproute2/rt_protos.d")
    node.run("mkdir", "-p", "/etc/iproute2")
    mounts = [*bind("/opt/cni/bin", "/host/opt/cni/bin", "rw"), *bind("/etc", "/host/etc", "rw"),
              *bind("/var/lib/slash32", "/host/var/lib/slash32", "rw")]
    done = in_container(node, "slash32ctl", "node", "install", "--root", "/host", options=["--privileged", *mounts])
    assert "failed" not in done.stdout, done.stdout
    answer = node.run("env", "CNI_COMMAND=VERSION", "/opt/cni/bin/slash32", stdin='{"cniVersion": "1.1.0"}')
    assert "1.1.0" in json.loads(answer.stdout)["supportedVersions"]
    assert node.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    assert json.loads(node.file("/var/lib/slash32/found.json"))["settings"]["/proc/sys/net/ipv4/ip_forward"] == "0"
    assert "slash32-bgp" in node.file("/etc/iproute2/rt_protos.d/slash32.conf")


class Names:
    """A name server that knows one name: api.test is 192.0.2.7 (RFC 1035 section 4)."""

    def __init__(self, node):
        self._socket = self._open(node)
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _open(node):
        """A socket belongs to the network namespace it was made in; this thread goes there and ends."""
        made = []

        def make():
            with open(f"/proc/{node.pid}/ns/net", encoding="utf-8") as namespace:
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.setns(namespace.fileno(), 0x40000000) == 0
            made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            made[0].bind(("127.0.0.1", 53))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def _serve(self):
        while True:
            try:
                query, sender = self._socket.recvfrom(512)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5
            known = query[12:end - 4].lower() == b"\3api\4test\0" and query[end - 4:end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes((192, 0, 2, 7)) if known else b""
            head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if known else b"\0\0") + b"\0\0\0\0"
            self._socket.sendto(head + query[12:end] + answer, sender)

    def close(self):
        """Ends it."""
        self._socket.close()


def test_names_are_resolved_by_files_and_by_dns(node):
    """With the image's own libc, as a kubeconfig with a host name in it needs."""
    write(node, "/etc/hosts", node.file("/etc/hosts") + "192.0.2.9 file.test\n")  # --net-host mounts these two
    write(node, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:5\n")
    mounts = bind("/usr/bin/getent", "/usr/sbin/getent")
    names = Names(node)
    try:
        assert in_container(node, "getent", "ahostsv4", "file.test", options=mounts).stdout.startswith("192.0.2.9")
        assert in_container(node, "getent", "ahostsv4", "api.test", options=mounts).stdout.startswith("192.0.2.7")
        assert in_container(node, "getent", "ahostsv4", "other.test", options=mounts, check=False).returncode != 0
    finally:
        names.close()


def test_podman_loads_and_runs_it(node):
    """A second reader of the archive."""
    node.run("mkdir", "-p", "/etc/containers")
    write(node, "/etc/containers/storage.conf", STORAGE)
    write(node, "/etc/containers/containers.conf", '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n')
    write(node, "/etc/containers/policy.json", json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    assert NAME in node.run("podman", "load", "-i", "/root/slash32.tar").stdout
    shown = node.run("podman", "run", "--rm", "--network", "host", "--read-only", "--cgroup-parent",
                     cgroup_parent(node.lab.mark), NAME, "slash32ctl", "--version")
    assert shown.stdout.strip()
