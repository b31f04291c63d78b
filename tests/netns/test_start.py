"""How the static programs start: common/start/start.cc."""

import ctypes
import os
import re
import shutil
import struct
import subprocess

import pytest

from world import BIN, wait_until

PROGRAMS = pytest.mark.parametrize("program", ["slash32", "slash32-ipam"])


@PROGRAMS
def test_a_static_program_asks_the_processor_nothing_before_main(program):
    """In a virtual machine each CPUID is a way to the hypervisor and back; glibc's own start takes 68. On another glibc
    than Debian 12's, whose steps start.cc takes, its own start is what there is."""
    code = subprocess.run(["objdump", "-d", f"{BIN}/{program}"], capture_output=True, text=True, check=True).stdout
    assert "<__libc_start_main>:" in code, "not the static program"
    assert not re.findall(r"^.*\tcpuid\b.*$", code, re.MULTILINE)


def version(program, environment):
    return subprocess.run([program], input='{"cniVersion": "1.1.0"}', env={**environment, "CNI_COMMAND": "VERSION"},
                          capture_output=True, text=True, check=False)


@PROGRAMS
@pytest.mark.parametrize("environment", [
    {}, {"GLIBC_TUNABLES": "glibc.malloc.check=0"}, {f"V{i}": "x" * 1000 for i in range(500)},
    {"LD_LIBRARY_PATH": "/" + "x" * 100}, {"LD_LIBRARY_PATH": "/" + "x" * 1000}, {"LD_LIBRARY_PATH": ":".join(["/x"] * 20000)},
], ids=["nothing", "tunables", "half a megabyte", "a path", "a long path", "many paths"])
def test_a_static_program_starts_with_any_environment(program, environment):
    """LD_LIBRARY_PATH is copied before any constructor has run: what memcpy() asks about must be there by then."""
    done = version(f"{BIN}/{program}", environment)
    assert done.returncode == 0 and '"1.1.0"' in done.stdout, done


@PROGRAMS
def test_a_static_program_starts_from_a_long_path(program, tmp_path):
    """As is the directory it lies in."""
    directory = tmp_path / ("x" * 200) / ("y" * 200)
    directory.mkdir(parents=True)
    done = version(shutil.copy(f"{BIN}/{program}", directory), {})
    assert done.returncode == 0 and '"1.1.0"' in done.stdout, done


@PROGRAMS
def test_what_copying_asks_about_is_there_before_the_first_constructor(program):
    """In the data, not made by a constructor."""
    symbols = subprocess.run(["nm", f"{BIN}/{program}"], capture_output=True, text=True, check=True).stdout
    assert re.search(r" D __x86_shared_non_temporal_threshold$", symbols, re.MULTILINE)
    assert " __x86_rep_movsb_stop_threshold" in symbols and "_GLOBAL__sub_I___x86" not in symbols


PTRACE_GETREGS, PTRACE_ATTACH = 12, 16
FS_BASE, REGISTERS = 21, 27  # of x86-64's struct user_regs_struct, in words
AT_RANDOM = 25


def guards(pid):
    """What %fs:0x28 and %fs:0x30 hold in a process that is stopped here for good, and the random octets it was given."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    registers = (ctypes.c_ulonglong * REGISTERS)()
    assert libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(pid, 0)
    assert libc.ptrace(PTRACE_GETREGS, pid, None, registers) == 0, os.strerror(ctypes.get_errno())
    with open(f"/proc/{pid}/auxv", "rb") as stream:
        auxiliary = dict(struct.iter_unpack("QQ", stream.read()))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(registers[FS_BASE] + 0x28)
        held = memory.read(16)
        memory.seek(auxiliary[AT_RANDOM])
        return held, memory.read(16)


def waits_for_input(pid):
    """Its system call, which /proc has while it is blocked, is poll(), number 7 on x86-64."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as stream:
        return stream.read().startswith("7 ")


@PROGRAMS
def test_a_static_program_guards_its_stack_with_what_the_kernel_drew(program):
    """The canary's first octet is zero, so that no text runs over it; setjmp() has a secret of its own behind it."""
    with subprocess.Popen([f"{BIN}/{program}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          env={"CNI_COMMAND": "VERSION"}) as process:
        try:
            wait_until(lambda: waits_for_input(process.pid))
            held, random = guards(process.pid)
        finally:
            process.kill()
    assert held == b"\0" + random[1:] and any(random)
