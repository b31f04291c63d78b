"""What a program needs to run: its loader and its libraries, read from the files themselves. Nothing is executed, so a
program of another architecture is looked at as well as our own."""

import os
import struct

AMD64, ARM64 = 62, 183  # e_machine
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
# By architecture as images name it: e_machine, and where Debian keeps its libraries.
ARCHITECTURES = {"amd64": (AMD64, "x86_64-linux-gnu"), "arm64": (ARM64, "aarch64-linux-gnu")}


class ElfError(Exception):
    """The file is no program or library that we can read, or what it needs is not there."""


class Elf:
    """A 64-bit little-endian program or library."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ElfError(f"{path}: not a 64-bit little-endian ELF file")
        self.machine = struct.unpack_from("<H", self.data, 18)[0]
        offset, size, count = struct.unpack_from("<Q", self.data, 32)[0], *struct.unpack_from("<HH", self.data, 54)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, offset + i * size) for i in range(count)]

    def _segments(self, kind):
        return [s for s in self.segments if s[0] == kind]

    def _offset_of(self, address):
        for _, _, offset, virtual, _, size, _, _ in self._segments(PT_LOAD):
            if virtual <= address < virtual + size:
                return offset + address - virtual
        raise ElfError(f"{self.path}: address {address:#x} is in no segment")

    def _text(self, offset):
        return self.data[offset:self.data.index(b"\0", offset)].decode()

    @property
    def interpreter(self):
        """The loader's path; None where there is none: a library, or a static program."""
        found = self._segments(PT_INTERP)
        return self._text(found[0][2]) if found else None

    @property
    def needed(self):
        """The names of the libraries it was linked with."""
        entries = []
        for segment in self._segments(PT_DYNAMIC):
            for at in range(segment[2], segment[2] + segment[5], 16):
                tag, value = struct.unpack_from("<qQ", self.data, at)
                if tag == DT_NULL:
                    break
                entries.append((tag, value))
        strings = next((self._offset_of(value) for tag, value in entries if tag == DT_STRTAB), 0)
        return [self._text(strings + value) for tag, value in entries if tag == DT_NEEDED]


def open_for(path, architecture):
    """The file, which must be of this architecture."""
    elf = Elf(path)
    if elf.machine != ARCHITECTURES[architecture][0]:
        raise ElfError(f"{path}: is not for {architecture} (e_machine {elf.machine})")
    return elf


def find_library(name, architecture, sysroot):
    """Where the loader would find it by its own default: the path inside the system."""
    triplet = ARCHITECTURES[architecture][1]
    for directory in (f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib", "/usr/lib"):
        path = f"{directory}/{name}"
        if os.path.exists(sysroot + path):
            return path
    raise ElfError(f"{name}: not in the library directories of {sysroot or '/'} for {architecture}")


def closure(programs, architecture, sysroot=""):
    """Every file beside the programs that they need to run, as {path inside the image: path of the file}."""
    out, names = {}, []
    for program in programs:
        elf = open_for(program, architecture)
        if elf.interpreter:
            out[elf.interpreter] = os.path.realpath(sysroot + elf.interpreter)
        names += elf.needed
    seen = {os.path.basename(loader) for loader in out}  # libraries name the loader as well
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        path = find_library(name, architecture, sysroot)
        out[path] = os.path.realpath(sysroot + path)
        names += open_for(out[path], architecture).needed
    return out
