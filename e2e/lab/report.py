"""What a failed test shows of its cluster."""

from lab.shell import CommandFailed, is_alive


def _safely(label, produce):
    """One section of the report; what cannot be had says why."""
    try:
        text = produce()
    except (CommandFailed, OSError, AssertionError, KeyError, ValueError) as error:
        text = f"({type(error).__name__}: {str(error)[:400]})"
    return f"--- {label}\n{text.rstrip()}\n" if text and text.strip() else ""


def _machine(machine):
    if not machine.pid or not is_alive(machine.pid):
        return _safely(machine.name, lambda: "(not running)")
    out = ""
    for words in (["-br", "address"], ["-4", "route", "show", "table", "all"],
                  ["-6", "route", "show", "table", "main"], ["neigh", "show"]):
        out += _safely(f"{machine.name}: ip {' '.join(words)}", lambda words=words: machine.ip(*words))
    return out


def _node(node):
    out = _machine(node)
    cni_log = node.file("/var/log/slash32/cni.log").splitlines()
    out += _safely(f"{node.name}: cni.log", lambda: "\n".join(cni_log[-30:]))
    if hasattr(node.bgpd, "neighbors"):
        out += _safely(f"{node.name}: neighbors", lambda: node.ctl("neighbors", check=False).stdout)
        out += _safely(f"{node.name}: routes", lambda: node.ctl("routes", check=False).stdout)
    return out


def _logs(machine):
    """The ends of the logs of the programs that ran on a machine."""
    latest = {daemon.log: daemon for daemon in machine.daemons}  # a program that was restarted has one log
    return "".join(_safely(f"{machine.name}: {path.rpartition('/')[2]}", lambda daemon=daemon: daemon.log_tail(40))
                   for path, daemon in latest.items())


def collect(cluster):
    """Addresses, routes, neighbours and logs of every machine of the cluster, as text."""
    out = ""
    for machine in cluster.lab.machines:
        out += _node(machine) if machine in cluster.nodes else _machine(machine)
        out += _logs(machine)
    return out
