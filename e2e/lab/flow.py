"""A steady probe between two pods on different nodes, and the verdict on it."""

from contextlib import contextmanager

from lab import session

RATE = 1000  # datagrams a second


@contextmanager
def unbroken(source, target, family, what):
    """Fails when the block cost the probe a single datagram; notes the count either way."""
    address = target.ip(family)
    with target.probing("serve", address), source.probing("flow", address, "--rate", RATE) as stream:
        yield
        count = stream.result()
    session.notes.append(f"{what}, {family}: {count['sent']} datagrams at {RATE}/s, {count['lost']} lost")
    assert count["sent"] > 0
    assert count["lost"] == 0, f"{what}: {count}"
