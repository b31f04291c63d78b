"""Standard input and the configuration in it; errors' own shape; what stands on standard output."""

import json
import os
import time

from .facts import QUALITY, expect, fact, rows
from .trial import container

GARBAGE = {"empty": b"", "text": b"hello", "truncated": b'{"cniVersion": "1.0.0", "name": ', "array": b"[]",
           "string": b'"x"', "binary": bytes(range(128, 256))}
NAMES = {"absent": None, "empty": "", "slash": "a/b", "leading-dash": "-a", "space": "a b", "dots": "../../etc"}


def _arguments(trial, pod="p1"):
    return container(pod), trial.node.pod(pod), "eth0"


@rows(GARBAGE, "input.garbage-{row}", "ADD", "what cannot be decoded is error 6, for ADD and DEL: {row}",
      "1.1.0 §5 Error 6", since="1.0.0")
def garbage(trial, text):
    before = trial.node.snapshot()
    arguments = _arguments(trial)
    for verb in ("ADD", "DEL"):
        trial.call(verb, text, *arguments).must_fail(6)
    trial.must_become(before)


@fact("input.unreadable", "ADD", "a standard input that cannot be read is error 5", "1.1.0 §5 Error 5", since="1.0.0")
def unreadable(trial):
    directory = os.open("/", os.O_RDONLY)
    try:
        trial.finish(trial.start("ADD", {}, *_arguments(trial), stdin=directory)).must_fail(5)
    finally:
        os.close(directory)


@rows(NAMES, "input.name-{row}", "ADD", "a network name that may not be is error 7: {row}", "1.1.0 §1 name, §5 Error 7",
      since="1.0.0")
def name(trial, text):
    conf = trial.conf()
    conf["name"] = text
    if text is None:
        del conf["name"]
    before = trial.node.snapshot()
    trial.call("ADD", conf, *_arguments(trial)).must_fail(7)
    trial.must_become(before)


@fact("input.unknown-key", "ADD", "an unknown key passes, or is error 2 or 7 that names it, and then nothing was done",
      "1.1.0 §1, §5 Error 2, 7", since="1.0.0")
def unknown_key(trial):
    before = trial.node.snapshot()
    answer = trial.call("ADD", trial.conf(fluxCapacitor="on"), *_arguments(trial))
    if not answer.ok:
        answer.must_fail(2, 7, naming=("fluxCapacitor",))
        trial.must_become(before)


@fact("input.unknown-key-del", "DEL", "an unknown key does not hold up DEL", "nodes whose file was changed", kind=QUALITY)
def unknown_key_del(trial):
    attachment = trial.add("p1")
    trial.delete(attachment, extra={"fluxCapacitor": "on"})
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")


@fact("input.args", "ADD", "`args` holds what it likes and is passed over where not understood", "1.1.0 §1 args")
def arbitrary_args(trial):
    trial.add("p1", extra={"args": {"labels": {"appVersion": "1.0"}, "cni": {"labels": [{"key": "app", "value": "x"}]},
                                    "list": [1, None, True]}})


@fact("input.reserved-keys", "ADD", "keys that begin with cni.dev/, reserved for the protocol, pass", "1.1.0 §1")
def reserved_keys(trial):
    trial.add("p1", extra={"cni.dev/later": {"a": 1}})


@fact("input.list-keys", "ADD", "keys of the list that runtimes leave in (cniVersions, disableCheck, disableGC) pass",
      "1.1.0 §1; podman and old libcni", kind=QUALITY)
def list_keys(trial):
    trial.add("p1", extra={"cniVersions": [trial.version], "disableCheck": False, "disableGC": "false",
                           "capabilities": {"portMappings": True}})


@fact("error.version", "ADD", "an error's cniVersion is the configuration's", "1.1.0 §5 Error")
def error_version(trial):
    error = trial.call("ADD", trial.conf(), container("p1"), "/run/netns/nowhere", "eth0").must_fail()
    expect(error.get("cniVersion") == trial.version, f"cniVersion is {error.get('cniVersion')!r}, not {trial.version!r}")


@fact("error.codes", "ADD", "an error's code is one of the specification's, 8 or 999 of the reference library, or 100 and "
      "above", "1.1.0 §5 Error")
def codes(trial):
    arguments = _arguments(trial)
    for answer in (trial.call("ADD", trial.conf(), container("p9"), "/run/netns/nowhere", "eth0"),
                   trial.call("ADD", trial.conf(), arguments[0], arguments[1], "lo"),
                   trial.call("CHECK", trial.conf(prevResult={}), *arguments)):
        code = answer.must_fail()["code"]
        expect(code in (1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51) or code >= 100, f"{answer}: {code} is nobody's")


@fact("error.not-utf8", "ADD", "an argument that is no UTF-8 still gets an error that is JSON", "libcni, which parses it",
      kind=QUALITY, since="1.0.0")
def not_utf8(trial):
    answer = trial.call("ADD", trial.conf(), "caf\udce9", *_arguments(trial)[1:])
    answer.must_fail(4)


@fact("output.lost", "ADD", "an ADD that cannot print its result fails and leaves nothing", "runtimes that died",
      kind=QUALITY)
def lost(trial):
    trial.add("other")
    before = trial.node.snapshot()
    arguments = _arguments(trial)
    with open("/dev/full", "wb", buffering=0) as full:
        process = trial.start("ADD", trial.conf(), *arguments, stdout=full)
        answer = trial.finish(process)
    expect(answer.code != 0, "it said success although the result was lost")
    trial.must_become(before)
    expect(not trial.node.link("eth0", "p1"), "eth0 is still in the pod")


@fact("input.slow", "ADD", "a configuration that comes in two pieces is read to its end", "pipes", kind=QUALITY)
def slow(trial):
    process = trial.start("ADD", b"", *_arguments(trial))
    text = json.dumps(trial.conf()).encode()
    process.stdin.write(text[:20])
    process.stdin.flush()
    time.sleep(0.2)  # not a condition: the pause itself is the input
    process.given = text[20:]
    trial.finish(process).must_succeed().document()
