"""Tries the facts: each in a node of its own, several at once, and says how each ended."""

import concurrent.futures
import dataclasses
import time

from .facts import SINCE, VERSIONS, Broken, NotApplicable, number
from .node import Node
from .trial import Trial

KEPT, BROKEN, NOT_APPLICABLE, ERROR = "kept", "broken", "n/a", "error"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One fact with one version."""

    fact: str
    version: str
    outcome: str
    note: str       # why, or a figure
    verb: str
    kind: str
    section: str
    text: str
    seconds: float


class Unanswered(Exception):
    """VERSION itself did not work, so nothing can be tried."""


def supported_versions(network, kind):
    """What a plugin's VERSION lists."""
    with Node() as node:
        answer = Trial(node, network, VERSIONS[-1], ()).call("VERSION", {"cniVersion": VERSIONS[-1]},
                                                             program=network.program(kind))
    try:
        listed = answer.must_succeed().document().get("supportedVersions")
    except Broken as broken:
        raise Unanswered(str(broken)) from broken
    if not isinstance(listed, list) or not all(isinstance(v, str) for v in listed):
        raise Unanswered(f"{answer}: no list \"supportedVersions\"")
    return tuple(listed)


def common_versions(listed):
    """Those of ours that every plugin's list has."""
    common = [v for v in VERSIONS if all(v in versions for versions in listed.values())]
    if not common:
        raise Unanswered(f"no version is in all of {listed} and {', '.join(VERSIONS)}, the suite's own")
    return common


def plan(facts, common, wanted):
    """[(fact, version)] to try: `wanted` versions, and the newest common one for facts that are tried once."""
    out = []
    for fact in facts:
        versions = [v for v in fact.versions if v in wanted] if fact.versions else [common[-1]]
        out += [(fact, v) for v in versions]
    return out


def attempt(fact, version, network, listed, common):
    """Tries one; never raises."""
    began = time.monotonic()

    def verdict(outcome, note=""):
        return Verdict(fact.name, version, outcome, " ".join((note or "").split()), fact.verb, fact.kind, fact.section,
                       fact.text, round(time.monotonic() - began, 3))

    if version not in common:
        without = [kind for kind, versions in listed.items() if version not in versions]
        return verdict(NOT_APPLICABLE, f"VERSION of {', '.join(without)} does not list {version}")
    if number(version) < number(SINCE.get(fact.verb, version)):
        return verdict(NOT_APPLICABLE, f"there is no {fact.verb} in {version}")
    try:
        with Node() as node:
            return verdict(KEPT, fact.run(Trial(node, network, version, listed[network.plugins[0]["type"]])))
    except Broken as broken:
        return verdict(BROKEN, str(broken))
    except NotApplicable as reason:
        return verdict(NOT_APPLICABLE, str(reason))
    except Exception as error:  # a fault of the suite or the machine must neither count as the plugin's nor end the run
        return verdict(ERROR, f"{type(error).__name__}: {error}")


def run(facts, network, wanted, jobs, report=lambda verdict: None):
    """All verdicts, in the facts' order; `report` is called with each as it comes."""
    listed = {plugin["type"]: supported_versions(network, plugin["type"]) for plugin in network.plugins}
    common = common_versions(listed)
    todo = plan(facts, common, sorted(wanted, key=number))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        verdicts = []
        for verdict in pool.map(lambda pair: attempt(*pair, network, listed, common), todo):
            verdicts.append(verdict)
            report(verdict)
    return verdicts
