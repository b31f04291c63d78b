"""The plugins and the network configuration under test, as the user names them."""

import json
import os

from .node import HIDDEN


class UsageError(Exception):
    """What was named on the command line cannot be tried; the text says why."""


def _real(path):
    """Absolute, and not where a node has its own empty directories."""
    real = os.path.realpath(path)
    for hidden in HIDDEN:
        if real == hidden or real.startswith(hidden + "/"):
            raise UsageError(f"{path}: nodes have a {hidden} of their own; put the plugins elsewhere")
    return real


class Network:
    """A network configuration list: the spec's section 1. A file with one plugin's configuration counts as a list of one."""

    def __init__(self, directories, file):
        self.directories = [_real(d) for d in directories]
        for directory in self.directories:
            if not os.path.isdir(directory):
                raise UsageError(f"--plugins {directory}: not a directory")
        try:
            with open(file, encoding="utf-8") as stream:
                document = json.load(stream)
        except (OSError, ValueError) as error:
            raise UsageError(f"--conflist {file}: {error}") from error
        self._read(document, file)
        for plugin in self.plugins:
            self.program(plugin["type"])

    def _read(self, document, file):
        if not isinstance(document, dict) or not isinstance(document.get("name"), str):
            raise UsageError(f"--conflist {file}: must be an object with a \"name\"")
        plugins = document.get("plugins", [document])
        if not isinstance(plugins, list) or not plugins:
            raise UsageError(f"--conflist {file}: \"plugins\" must be a list with at least one plugin")
        for plugin in plugins:
            if not isinstance(plugin, dict) or not isinstance(plugin.get("type"), str):
                raise UsageError(f"--conflist {file}: every plugin needs a \"type\"")
        self.name = document["name"]
        self.plugins = [{k: v for k, v in p.items() if k not in ("name", "cniVersion")} for p in plugins]

    @property
    def path(self):
        """CNI_PATH."""
        return ":".join(self.directories)

    def find(self, name):
        """The program's path, or None."""
        for directory in self.directories:
            if os.path.isfile(f"{directory}/{name}"):
                return f"{directory}/{name}"
        return None

    def program(self, name):
        found = self.find(name)
        if not found:
            raise UsageError(f"--plugins {self.path}: no plugin \"{name}\" there")
        if not os.access(found, os.X_OK):
            raise UsageError(f"--plugins: {found} cannot be executed")
        return found
