#!/usr/bin/python3 -B
"""Renders what is applied: slash32.yaml and slash32-cleanup.yaml out of the kustomize bases, and the Helm chart's
templates out of the same files. `render.py` writes them, `render.py --check` fails when one is stale.

Of kustomize it knows `resources`, `components`, and `patches` of `add`, `replace` and `remove` (RFC 6902); a test holds it
against kubectl's own where there is one."""

import os
import re
import sys

import yaml

MANIFESTS = os.path.dirname(os.path.abspath(__file__))
CHART = "helm/slash32"
IMAGE = re.compile(r"image: (slash32\.io/slash32):([0-9.]+)$", re.MULTILINE)
RENDERED = {"slash32.yaml": "base", "slash32-cleanup.yaml": "cleanup"}
HEAD = "# Rendered from {source}/ by render.py: change that, and run manifests/render.py.\n"
# What a value of the chart takes the place of, in every template: each must be found.
CHART_VALUES = (
    ("image: slash32.io/slash32:{version}", 'image: "{{{{ .Values.image.repository }}}}:{{{{ .Values.image.tag | default '
                                            '.Chart.AppVersion }}}}"'),
    ("imagePullPolicy: IfNotPresent", "imagePullPolicy: {{{{ .Values.image.pullPolicy }}}}"),
    ("namespace: slash32-system", "namespace: {{{{ .Release.Namespace }}}}"),
    ('LOG_LEVEL: "info"', "LOG_LEVEL: {{{{ .Values.logLevel | quote }}}}"),
    ('FORWARDING: "ipv4,ipv6"', "FORWARDING: {{{{ .Values.forwarding | quote }}}}"),
    ('  # SLASH32_API_SERVER: "https://10.0.0.10:6443"',
     "  {{{{- if .Values.apiServer }}}}\n  SLASH32_API_SERVER: {{{{ .Values.apiServer | quote }}}}\n  {{{{- end }}}}"),
    ("        seccompProfile:\n          type: RuntimeDefault\n",
     "        seccompProfile:\n          type: RuntimeDefault\n        {{{{- if .Values.seLinux }}}}\n"
     "        seLinuxOptions:\n          type: spc_t\n        {{{{- end }}}}\n"),
)


class RenderError(Exception):
    """A file says what we do not know."""


def read(path):
    """A file below manifests/."""
    with open(os.path.join(MANIFESTS, path), encoding="utf-8") as file:
        return file.read()


def kustomization(directory, known):
    """The kustomization.yaml of a directory, whose keys must be known."""
    document = yaml.safe_load(read(f"{directory}/kustomization.yaml"))
    unknown = set(document) - {"apiVersion", "kind", *known}
    if unknown:
        raise RenderError(f"{directory}/kustomization.yaml: unknown keys {sorted(unknown)}")
    return document


def files_of(directory):
    """Every file of a base and of the bases in it, in order."""
    out = []
    for resource in kustomization(directory, ("resources", "components", "patches"))["resources"]:
        path = os.path.normpath(os.path.join(directory, resource))
        out += files_of(path) if os.path.isdir(os.path.join(MANIFESTS, path)) else [path]
    return out


def split(text):
    """The documents of a file, as text."""
    return [part.strip("\n") + "\n" for part in re.split(r"^---$", text, flags=re.MULTILINE) if part.strip()]


def render_text(directory):
    """All documents of a base as they were written, with their comments."""
    return "---\n".join(part for path in files_of(directory) for part in split(read(path)))


def _apply(document, operation):
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    for part in parents:
        document = document[int(part)] if isinstance(document, list) else document[part]
    if operation["op"] not in ("add", "replace", "remove"):
        raise RenderError(f"operation {operation['op']}")
    if isinstance(document, list) and operation["op"] == "add":
        document.insert(len(document) if last == "-" else int(last), operation["value"])
        return
    key = int(last) if isinstance(document, list) else last
    if operation["op"] == "remove":
        del document[key]
        return
    document[key] = operation["value"]


def _is_target(document, target):
    group, _, version = document["apiVersion"].rpartition("/")
    facts = {"group": group, "version": version, "kind": document["kind"], "name": document["metadata"]["name"]}
    return all(facts.get(key) == value for key, value in target.items())


def patched(documents, patches):
    """The documents with a kustomization's patches; one that meets nothing is an error."""
    for patch in patches:
        met = [document for document in documents if _is_target(document, patch["target"])]
        if not met:
            raise RenderError(f"a patch for {patch['target']} meets nothing")
        for document in met:
            for operation in yaml.safe_load(patch["patch"]):
                _apply(document, operation)
    return documents


def render(directory, components=()):
    """All documents of a base as data, with the components'."""
    own = kustomization(directory, ("resources", "components", "patches"))
    documents = []
    for resource in own.get("resources", []):
        path = os.path.normpath(os.path.join(directory, resource))
        documents += render(path) if os.path.isdir(os.path.join(MANIFESTS, path)) else list(yaml.safe_load_all(read(path)))
    named = [os.path.normpath(os.path.join(directory, component)) for component in own.get("components", [])]
    for component in (*named, *components):
        documents = patched(documents, kustomization(component, ("patches",))["patches"])
    return patched(documents, own.get("patches", []))


def version():
    """Of the image in the base: all name the same."""
    found = {match[1] for match in IMAGE.findall(render_text("base") + render_text("cleanup"))}
    if len(found) != 1:
        raise RenderError(f"the base names images of the versions {sorted(found)}")
    return found.pop()


def chart():
    """The templates of the Helm chart: the base, with values in the places of what a user may change. A namespace is
    the release's own business."""
    out, found = {}, set()
    for path in files_of("base"):
        text = read(path)
        if path == "base/namespace.yaml":
            continue
        if path.startswith("crds/"):
            text = text.replace("\nmetadata:\n", "\nmetadata:\n  annotations:\n    helm.sh/resource-policy: keep\n", 1)
        if "{{" in text:
            raise RenderError(f"{path}: a template's brackets")
        for place, value in CHART_VALUES:
            place = place.format(version=version())
            if place in text:
                found.add(value)
                text = text.replace(place, value.format())
        name = f"crd-{os.path.basename(path)}" if path.startswith("crds/") else os.path.basename(path)
        out[f"{CHART}/templates/{name}"] = HEAD.format(source=os.path.dirname(path)) + text
    if len(found) != len(CHART_VALUES):
        raise RenderError("a value of the chart has no place in the base")
    return out


def everything():
    """{path below manifests/: its text}."""
    out = {name: HEAD.format(source=base) + render_text(base) for name, base in RENDERED.items()}
    return {**out, **chart()}


def stale(wanted):
    """The files that are not as they should be, and templates that should not be."""
    out = []
    for path, text in wanted.items():
        try:
            if read(path) != text:
                out.append(path)
        except FileNotFoundError:
            out.append(path)
    templates = os.path.join(MANIFESTS, CHART, "templates")
    there = sorted(os.listdir(templates)) if os.path.isdir(templates) else []
    return out + [path for path in (f"{CHART}/templates/{name}" for name in there) if path not in wanted]


def main(arguments):
    wanted = everything()
    differing = stale(wanted)
    if arguments == ["--check"]:
        for path in differing:
            print(f"manifests/{path} is stale: run manifests/render.py", file=sys.stderr)
        return 1 if differing else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for path in differing:
        full = os.path.join(MANIFESTS, path)
        if path not in wanted:
            os.unlink(full)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
