"""Builds the image of slash32: build.sh says how to call it. No registry, no daemon, no root."""

import argparse
import os
import re
import subprocess
import sys

import elf
import oci

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAEMONS = ("slash32-agent", "slash32-bgpd", "slash32ctl")  # dynamic, run in the container
PLUGINS = ("slash32", "slash32-ipam")                      # static, copied to the node
PLUGIN_DIRECTORY = "/opt/slash32/cni"
LIMIT = 30 * 10**6  # octets compressed: what a node has to pull
# Linked into the static programs and the daemons; their licences come along.
LINKED_IN = ("libnl-3-dev", "liblmdb-dev", "nlohmann-json3-dev", "libcli11-dev", "libboost1.81-dev")
EPOCH = 1767225600  # 2026-01-01: of every file, unless SOURCE_DATE_EPOCH says otherwise


def version_of_tree():
    """As CMakeLists.txt has it."""
    with open(os.path.join(REPOSITORY, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"project\(slash32 VERSION ([0-9.]+)", file.read()).group(1)


def add_system(tree):
    """What libc and OpenSSL look for. Names are resolved by libc itself: since glibc 2.34 `files` and `dns` are in it."""
    tree.file("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    tree.file("/etc/passwd", b"root:x:0:0:root:/:/sbin/nologin\n")
    tree.file("/etc/group", b"root:x:0:\n")
    tree.directory("/tmp", 0o1777)
    for directory in ("/etc/cni/net.d", "/opt/cni/bin", "/proc", "/run/slash32", "/sys", "/dev", "/var/lib/slash32",
                      "/var/log/slash32", "/etc/ssl/certs"):
        tree.directory(directory)
    # Where OpenSSL of Debian looks for authorities: a mount of a host's or a ConfigMap's /etc/ssl/certs is enough.
    tree.link("/usr/lib/ssl/certs", "/etc/ssl/certs")
    tree.link("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")


def package_of(path, sysroot):
    """Debian's package of a file, asked for by every name it goes by."""
    for name in (path, path.removeprefix("/usr"), "/usr" + path):
        done = subprocess.run(["dpkg-query", f"--admindir={sysroot}/var/lib/dpkg", "-S", name], capture_output=True, text=True,
                              check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    return None


def add_licences(tree, files, sysroot):
    """Ours, and those of what is copied or linked in: as the system has them that it is from."""
    tree.copy("/usr/share/doc/slash32/LICENSE", os.path.join(REPOSITORY, "LICENSE"))
    packages = {package_of(path, sysroot) for path in files} | set(LINKED_IN)
    for package in sorted(p for p in packages if p):
        for root in (sysroot, ""):
            source = f"{root}/usr/share/doc/{package}/copyright"
            if os.path.exists(source):
                tree.copy(f"/usr/share/doc/{package}/copyright", os.path.realpath(source))
                break


def build_image(architecture, directory, options):
    """The image of one architecture from the programs in a directory."""
    daemons = [name for name in DAEMONS if name not in options.without]
    paths = {name: os.path.join(directory, name) for name in (*daemons, *PLUGINS)}
    missing = [path for path in paths.values() if not os.path.isfile(path)]
    if missing:
        raise elf.ElfError("not there: " + ", ".join(missing))
    for name in PLUGINS:
        program = elf.open_for(paths[name], architecture)
        if program.interpreter or program.needed:
            raise elf.ElfError(f"{paths[name]}: is not static, and would not run on every node")
    sysroot = options.sysroots.get(architecture, options.sysroots.get(None, ""))
    libraries = elf.closure([paths[name] for name in daemons], architecture, sysroot)
    system, programs = oci.Tree(), oci.Tree()  # the first stays the same from one of our versions to the next
    add_system(system)
    for path, source in libraries.items():
        system.copy(path, source, 0o755)
    add_licences(system, list(libraries), sysroot)
    for name in daemons:
        programs.copy(f"/usr/sbin/{name}", paths[name], 0o755)
    for name in PLUGINS:
        programs.copy(f"{PLUGIN_DIRECTORY}/{name}", paths[name], 0o755)
    config = {"Env": ["PATH=/usr/sbin"], "User": "0:0", "WorkingDir": "/"}
    return oci.Image(architecture, [system, programs], config, labels(options), options.epoch)


def labels(options):
    """OCI's well-known ones."""
    out = {"title": "slash32", "version": options.version, "licenses": "Apache-2.0",
           "description": "CNI plugin, IPAM, BGP speaker and agent: every pod a /32, told to the network by BGP"}
    if options.revision:
        out["revision"] = options.revision
    return {f"org.opencontainers.image.{key}": value for key, value in out.items()}


def read_command_line(arguments):
    parser = argparse.ArgumentParser(prog="build.sh", description=__doc__)
    parser.add_argument("--bin", action="append", metavar="[ARCH=]DIR", dest="bins",
                        help="where the programs are; ARCH is amd64 (the default) or arm64; several make one image of "
                             "several architectures (default: build/release/bin)")
    parser.add_argument("--output", default="slash32.tar", help="the archive (default: %(default)s)")
    parser.add_argument("--name", help="of the image (default: slash32.io/slash32:VERSION)")
    parser.add_argument("--version", default=version_of_tree(), help="for name and labels (default: %(default)s)")
    parser.add_argument("--revision", default="", help="of the source, for the label")
    parser.add_argument("--sysroot", action="append", default=[], metavar="[ARCH=]DIR", dest="sysroots",
                        help="where the libraries of an architecture are, or of all that none is named for (default: /)")
    parser.add_argument("--without", action="append", default=[], choices=("slash32-agent",),
                        help="leave a program out, for nodes that do without Kubernetes")
    options = parser.parse_args(arguments)
    options.epoch = int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH))
    options.name = options.name or f"slash32.io/slash32:{options.version}"
    if not re.fullmatch(r"[a-z0-9.:/_-]+:[A-Za-z0-9_.-]+", options.name):
        parser.error(f"--name: {options.name} has no tag")
    options.bins = [b.split("=", 1) if "=" in b else ["amd64", b] for b in options.bins or ["build/release/bin"]]
    sysroots = [s.split("=", 1) if "=" in s else [None, s] for s in options.sysroots]
    for option, pairs in (("--bin", options.bins), ("--sysroot", sysroots)):
        architectures = [architecture for architecture, _ in pairs]
        if unknown := set(architectures) - {*elf.ARCHITECTURES, None}:
            parser.error(f"{option}: architecture {', '.join(sorted(unknown))} is none of {', '.join(elf.ARCHITECTURES)}")
        if len(set(architectures)) != len(architectures):
            parser.error(f"{option}: an architecture is given twice")
    options.sysroots = dict(sysroots)
    return options


def main(arguments):
    options = read_command_line(arguments)
    try:
        images = [build_image(architecture, directory, options) for architecture, directory in options.bins]
    except (elf.ElfError, OSError) as error:
        print(f"build.sh: {error}", file=sys.stderr)
        return 1
    for image in images:
        if image.size > LIMIT:
            print(f"build.sh: the image has {image.size} octets, more than {LIMIT}", file=sys.stderr)
            return 1
    data, digest = oci.archive(images, options.name, options.epoch)
    partial = options.output + ".partial"
    with open(partial, "wb") as file:
        file.write(data)
    os.replace(partial, options.output)
    print(f"{options.name}@{digest} {max(image.size for image in images)} octets: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
