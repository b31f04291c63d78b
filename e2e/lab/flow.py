"""Steady probes between two pods on different nodes, and the verdict on them."""

from contextlib import ExitStack, contextmanager

from lab import session

RATE = 1000  # datagrams a second, in each family


@contextmanager
def unbroken(source, target, what):
    """Fails when the block cost the probes, one a family, a single datagram; notes the counts either way."""
    with ExitStack() as stack:
        streams = {}
        for address in target.ips:
            stack.enter_context(target.probing("serve", address))
            streams[address] = stack.enter_context(source.probing("flow", address, "--rate", RATE))
        yield
        counts = {address: stream.result() for address, stream in streams.items()}
    for address, count in counts.items():
        session.notes.append(f"{what}: {source} to {address}, {count['sent']} datagrams at {RATE}/s, "
                             f"{count['lost']} lost")
    assert all(count["sent"] > 0 for count in counts.values())
    assert all(count["lost"] == 0 for count in counts.values()), f"{what}: {counts}"
