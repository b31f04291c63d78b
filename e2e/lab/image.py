"""Images of one static program each, the sandbox's above all, as docker archives: there is no registry to pull from."""

import hashlib
import io
import json
import os
import tarfile

from lab.shell import run

NAME = "slash32.test/pause:1"


def build_pause(directory):
    """Compiles pause.c statically into the directory and returns the program's path."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pause.c")
    program = os.path.join(directory, "pause")
    run(["cc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o", program, source])
    return program


def _add(archive, name, data, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _layer(program):
    with open(program, "rb") as file:
        data = file.read()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as layer:
        _add(layer, os.path.basename(program), data, 0o755)
    return out.getvalue()


def pack(program, path, name=NAME):
    """Writes a docker archive (as `docker save` makes it) whose one layer holds the program, in the root directory."""
    layer = _layer(program)
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": {"Entrypoint": ["/" + os.path.basename(program)], "Env": ["PATH=/"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "slash32 e2e"}],
    }).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, config_name, config)
        _add(archive, "layer.tar", layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return path
