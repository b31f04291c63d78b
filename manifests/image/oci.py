"""OCI images without any tool of containers: layers, configuration, manifest and index as the image specification
(version 1.0) has them, in one tar archive. The same input gives the same bytes: no clock, no owner, no order of a
directory gets in."""

import datetime
import gzip
import hashlib
import io
import json
import os
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REFERENCE = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def digest_of(data):
    """As descriptors have it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def as_json(document):
    """The one way we write a document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def descriptor(media_type, data, **more):
    """What points at a blob."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


class Tree:
    """The files of a layer."""

    def __init__(self):
        self._entries = {}

    def _directories_of(self, path):
        parent = os.path.dirname(path)
        if parent not in ("", "/"):
            self.directory(parent)

    def directory(self, path, mode=0o755):
        """A directory and those above it."""
        self._directories_of(path)
        self._entries.setdefault(path.lstrip("/"), ("directory", mode, b""))

    def file(self, path, data, mode=0o644):
        """A file; its directories come along."""
        self._directories_of(path)
        self._entries[path.lstrip("/")] = ("file", mode, data)

    def copy(self, path, source, mode=0o644):
        """A file of this machine."""
        with open(source, "rb") as file:
            self.file(path, file.read(), mode)

    def link(self, path, target):
        """A symbolic link."""
        self._directories_of(path)
        self._entries[path.lstrip("/")] = ("link", 0o777, target.encode())

    def pack(self, epoch):
        """The layer, not compressed. Everything belongs to root and is of one moment."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path in sorted(self._entries):
                kind, mode, data = self._entries[path]
                entry = tarfile.TarInfo(path)
                entry.mode, entry.mtime = mode, epoch
                if kind == "directory":
                    entry.type = tarfile.DIRTYPE
                elif kind == "link":
                    entry.type, entry.linkname = tarfile.SYMTYPE, data.decode()
                else:
                    entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data) if kind == "file" else None)
        return out.getvalue()


class Image:
    """One image for one architecture: its blobs and the descriptor of its manifest."""

    def __init__(self, architecture, layers, config, labels, epoch):
        self.blobs = {}
        created = _rfc3339(epoch)
        packed = [layer.pack(epoch) for layer in layers]
        compressed = [gzip.compress(layer, 9, mtime=0) for layer in packed]
        document = {"architecture": architecture, "os": "linux", "created": created,
                    "config": {**config, "Labels": labels},
                    "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in packed]},
                    "history": [{"created": created, "created_by": "manifests/image/build.sh"} for _ in packed]}
        self.config = as_json(document)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, self.config),
                    "layers": [descriptor(LAYER, layer) for layer in compressed], "annotations": labels}
        self.manifest = as_json(manifest)
        self.layers = [digest_of(layer) for layer in compressed]
        for data in (self.config, self.manifest, *compressed):
            self.blobs[digest_of(data)] = data
        self.descriptor = descriptor(MANIFEST, self.manifest, platform={"architecture": architecture, "os": "linux"})

    @property
    def size(self):
        """What a node has to pull."""
        return sum(len(data) for data in self.blobs.values())


def _rfc3339(epoch):
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _blob_path(digest):
    return "blobs/" + digest.replace(":", "/")


def archive(images, name, epoch):
    """The tar archive of an image layout. `ctr images import`, `podman load`, `skopeo` and `docker load` take it; for
    dockers that know no OCI layout the first image is also named as `docker save` does it."""
    tag = name.rsplit(":", 1)[1]
    blobs = {digest: data for image in images for digest, data in image.blobs.items()}
    naming = {CONTAINERD_NAME: name, REFERENCE: tag}
    if len(images) == 1:
        top = {**images[0].descriptor, "annotations": naming}
    else:
        index = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [image.descriptor for image in images]})
        blobs[digest_of(index)] = index
        top = descriptor(INDEX, index, annotations=naming)
    files = {_blob_path(digest): data for digest, data in blobs.items()}
    files["oci-layout"] = as_json({"imageLayoutVersion": "1.0.0"})
    files["index.json"] = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]})
    files["manifest.json"] = as_json([{"Config": _blob_path(digest_of(images[0].config)), "RepoTags": [name],
                                       "Layers": [_blob_path(layer) for layer in images[0].layers]}])
    tree = Tree()
    for path, data in files.items():
        tree.file(path, data)
    return tree.pack(epoch), top["digest"]
