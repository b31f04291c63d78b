"""Running programs and timing them, and the small static programs that are the floors."""

import os
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FLOORS = ("kernel_floor", "removal_floor", "volley")


def sh(script):
    """Runs a shell script that must succeed; its output."""
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{script[:200]}\n{done.stdout}{done.stderr}")
    return done.stdout


def launch(argv, stdin="/dev/null", env=None):
    """Runs a program to its end; (milliseconds of wall time, milliseconds of CPU, what it printed). posix_spawn is a
    vfork: our own size costs nothing."""
    out = "/run/out"
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env or {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter() - begin) * 1e3
    with open(out, encoding="utf-8") as file:
        printed = file.read()
    if status != 0:
        raise SystemExit(f"{' '.join(argv)} failed: {printed}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1e3, printed


def volley(floors, shots):
    """Runs what the lines describe at the same moment; (milliseconds until the last ended, largest peak in MB)."""
    done = subprocess.run([f"{floors}/volley"], input="\n".join(shots) + "\n", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"of {len(shots)} programs at once some failed: {done.stderr}")
    took, peak = done.stdout.split()
    return int(took) / 1e3, int(peak) / 1024


def build_floors():
    """Compiles the floors, static as the plugin is; the directory they are in."""
    directory = tempfile.mkdtemp(prefix="slash32-cni-bench-")
    for program in FLOORS:
        source = os.path.join(HERE, program + ".cc")
        subprocess.run(["g++", "-std=c++20", "-O2", "-static", "-o", os.path.join(directory, program), source], check=True)
    return directory
