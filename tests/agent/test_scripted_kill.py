"""The agent killed within each of its steps towards a file: none is ever half there, and the next life ends where an unhurt one
does. By strace, which kills as a system call begins."""

import shutil

import pytest
from scripted_server import wait_until
from scripted_world import World, ours

SECRET = {"metadata": {"name": "tor", "namespace": "slash32-system"}, "data": {"password": "c2VjcmV0"}}
FILES = ("run/node.json", "run/node-facts.json", "bgpd.json", "state/node.json", "state/pod-ranges.json", "secrets/tor_password")


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    made = World(tmp_path)
    made.api.put("secrets", SECRET)
    made.api.put("bgppeers", ours("tor", address="10.0.0.254", remoteAs=65000, passwordSecret={"name": "tor"}))
    try:
        yield made
    finally:
        made.close()


def contents(world):
    return {name: (world.directory / name).read_bytes() for name in FILES if (world.directory / name).exists()}


@pytest.mark.parametrize("call, least", [("fsync", 2 * len(FILES) - 1), ("rename", len(FILES)), ("fchmod", len(FILES))])
def test_killed_within_any_step_towards_a_file_it_leaves_each_whole_or_not_there(world, call, least):
    world.start()
    wait_until(lambda: len(contents(world)) == len(FILES), world.said, 60)
    whole = contents(world)
    killed = 0
    while True:
        world.kill()
        for name in ("run", "state", "secrets"):
            shutil.rmtree(world.directory / name)
        (world.directory / "bgpd.json").unlink()
        world.before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                        "-e", f"inject={call}:signal=KILL:when={killed + 1}",
                        "setpriv", "--pdeathsig", "KILL", "--"]  # strace leaves alone who outlives it
        world.start()
        wait_until(lambda: world.process.poll() is not None or contents(world) == whole, world.said, 60)
        if world.process.poll() is None:
            break  # it has made all its calls
        killed += 1
        left = contents(world)
        assert left == {name: whole[name] for name in left}, f"killed within {call} {killed}"
        world.before = []
        world.start()
        wait_until(lambda: contents(world) == whole, world.said, 60)
    assert killed >= least
