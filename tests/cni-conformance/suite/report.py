"""The table, the JSON document and the exit status."""

import dataclasses
import json

from .facts import QUALITY, SPEC, VERBS
from .runner import BROKEN, ERROR, KEPT, NOT_APPLICABLE

MARKS = {KEPT: "kept", BROKEN: "BROKEN", NOT_APPLICABLE: "n/a", ERROR: "ERROR"}


def grouped(verdicts):
    """[(fact, [(outcome, note, versions)])] in order: versions that ended alike share a line."""
    facts = {}
    for verdict in verdicts:
        facts.setdefault(verdict.fact, []).append(verdict)
    out = []
    for same in facts.values():
        lines = {}
        for verdict in same:
            note = verdict.note.replace(verdict.version, "VERSION")  # an answer that differs in its version alone is the same
            key = (verdict.outcome, note if verdict.outcome != KEPT else "")
            lines.setdefault(key, []).append(verdict)
        out.append((same[0], [(outcome, them[0].note, [v.version for v in them]) for (outcome, _), them in lines.items()]))
    return out


def table(verdicts):
    """The facts kept and broken, by verb, each with its section of the specification."""
    lines, verb = [], None
    for fact, outcomes in sorted(grouped(verdicts), key=lambda pair: VERBS.index(pair[0].verb)):
        if fact.verb != verb:
            verb = fact.verb
            lines += ["", f"== {verb}"]
        for outcome, note, versions in outcomes:
            lines.append(f"{MARKS[outcome]:6}  {' '.join(versions):23}  {fact.kind:7}  {fact.fact}: {fact.text}  "
                         f"[{fact.section}]")
            if note:
                lines.append(f"        -> {note}")
    return "\n".join(lines[1:])


def counts(verdicts):
    """{"spec": {"kept": 1, …}, "quality": {…}}"""
    return {kind: {outcome: sum(v.kind == kind and v.outcome == outcome for v in verdicts) for outcome in MARKS}
            for kind in (SPEC, QUALITY)}


def summary(verdicts):
    """One line a kind."""
    return "\n".join(f"{kind:7}  " + ", ".join(f"{n} {outcome}" for outcome, n in by_outcome.items())
                     for kind, by_outcome in counts(verdicts).items())


def document(verdicts, network):
    """For programs."""
    return json.dumps({"plugins": [p["type"] for p in network.plugins], "path": network.directories,
                       "network": network.name, "counts": counts(verdicts),
                       "facts": [dataclasses.asdict(v) for v in verdicts]}, indent=1)


def status(verdicts):
    """0 when all that could be tried was kept."""
    return 1 if any(v.outcome in (BROKEN, ERROR) for v in verdicts) else 0
