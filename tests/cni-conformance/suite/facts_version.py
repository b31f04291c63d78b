"""VERSION, and what the other verbs do with versions."""

import re

from .facts import QUALITY, SINCE, NotApplicable, expect, fact, number, rows
from .trial import container

WHERE = "1.1.0 §2 VERSION, §5 Version"


@fact("version.answer", "VERSION", "prints cniVersion and supportedVersions, and nothing else on stdout", WHERE, once=True)
def answer(trial):
    document = trial.call("VERSION", {"cniVersion": trial.version}).must_succeed().document()
    expect(isinstance(document.get("cniVersion"), str), f"no \"cniVersion\" in {document}")
    expect(document.get("supportedVersions"), f"no \"supportedVersions\" in {document}")


@fact("version.echo", "VERSION", "cniVersion in the answer is the input's", WHERE, since="1.0.0")
def echo(trial):
    document = trial.call("VERSION", {"cniVersion": trial.version}).must_succeed().document()
    expect(document.get("cniVersion") == trial.version, f"asked with {trial.version}, answered {document.get('cniVersion')}")


@fact("version.strings", "VERSION", "supportedVersions are semantic versions, none twice", WHERE, once=True)
def strings(trial):
    listed = trial.supported
    expect(all(re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", v) for v in listed), f"not versions: {listed}")
    expect(len(set(listed)) == len(listed), f"listed twice: {listed}")


@fact("version.bare-environment", "VERSION", "needs no variable but CNI_COMMAND", WHERE, once=True)
def bare_environment(trial):
    trial.call("VERSION", {"cniVersion": trial.version},
               without=("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH")).must_succeed().document()


@fact("version.no-input", "VERSION", "answers also when stdin is empty", "old runtimes", kind=QUALITY, once=True)
def no_input(trial):
    trial.call("VERSION", b"").must_succeed().document()


@fact("version.newest", "VERSION", "lists 1.1.0, the current specification", "1.1.0 Version", kind=QUALITY, once=True)
def newest(trial):
    expect("1.1.0" in trial.supported, f"lists {', '.join(trial.supported)}")


def _call(trial, verb, conf):
    """The verb with an environment that is right in everything."""
    if verb in ("STATUS", "GC"):
        return trial.call(verb, {**conf, **({"cni.dev/valid-attachments": []} if verb == "GC" else {})})
    return trial.call(verb, conf, container("p1"), trial.node.pod("p1"), "eth0")


VERB_ROWS = {verb: verb for verb in ("ADD", "DEL", "CHECK", "STATUS", "GC")}


def _needs(trial, verb):
    if number(trial.version) < number(SINCE.get(verb, "0.0.0")):
        raise NotApplicable(f"no {verb} in {trial.version}")


@rows({verb: verb for verb in VERB_ROWS if verb != "DEL"}, "version.unknown-{row}", "VERSION",
      "{row} with a cniVersion that nobody has is error 1", "1.1.0 §5 Error", once=True)
def unknown(trial, verb):
    _needs(trial, verb)
    before = trial.node.snapshot()
    _call(trial, verb, trial.conf(version="99.0.0")).must_fail(1)
    trial.must_become(before)


@fact("version.unknown-DEL", "VERSION", "DEL with a cniVersion that nobody has is error 1, or removes the pod all the same",
      "1.1.0 §5 Error, §2 DEL", once=True)
def unknown_for_del(trial):
    trial.add("p0")  # what a node gets with its first pod stays
    before = trial.node.snapshot()
    attachment = trial.add("p1")
    answer = trial.call("DEL", trial.conf(version="99.0.0"), attachment.cid, attachment.netns, attachment.ifname)
    if not answer.ok:
        answer.must_fail(1)
    elif len(trial.network.plugins) == 1:
        trial.must_become(before)
    trial.delete(attachment)


@fact("version.malformed", "VERSION", "ADD with a cniVersion that is no version is error 1, 6 or 7", "1.1.0 §5 Error",
      once=True)
def malformed(trial):
    for index, text in enumerate(("one", "1", 1.0, {})):
        conf = trial.conf()
        conf["cniVersion"] = text
        trial.call("ADD", conf, container("p"), trial.node.pod(f"p{index}"), "eth0").must_fail(1, 6, 7)


@fact("version.absent", "VERSION", "a configuration without cniVersion is one of 0.1.0", "1.1.0 §1; 0.1.0", once=True)
def absent(trial):
    conf = trial.conf()
    del conf["cniVersion"]
    answer = _call(trial, "ADD", conf)
    if "0.1.0" not in trial.supported:
        answer.must_fail(1)
    else:
        document = answer.must_succeed().document()
        expect("ip4" in document or "ip6" in document, f"{answer}: not a result of 0.1.0")


@rows({"CHECK": ("CHECK", ("0.3.1",)), "STATUS": ("STATUS", ("0.3.1", "0.4.0", "1.0.0")),
       "GC": ("GC", ("0.3.1", "0.4.0", "1.0.0"))}, "version.too-old-{row}", "VERSION",
      "{row} is an error, 1 or 4, in versions that have no {row}", "1.1.0 Released versions; §5 Error", once=True)
def too_old(trial, verb, versions):
    tried = [v for v in versions if v in trial.supported]
    if not tried:
        raise NotApplicable("VERSION lists no version without it")
    before = trial.node.snapshot()
    for index, version in enumerate(tried):
        conf = trial.conf(version=version)
        if verb == "CHECK":
            pod = f"p{index}"
            trial.call("CHECK", conf, container(pod), trial.node.pod(pod), "eth0").must_fail(1, 4)
        else:
            trial.call(verb, {**conf, "cni.dev/valid-attachments": []}).must_fail(1, 4)
    trial.must_become(before)

