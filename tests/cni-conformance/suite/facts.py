"""What a fact is, and the list of all of them. A fact is a function that gets a Trial (trial.py) and returns when the
plugin kept it, raises Broken when it did not, and NotApplicable when the plugin or the conflist has nothing to try it on.

It may return a text: a figure worth printing beside the verdict.
"""

from dataclasses import dataclass
from typing import Callable

VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
VERBS = ("VERSION", "ADD", "DEL", "CHECK", "STATUS", "GC")
SINCE = {"CHECK": "0.4.0", "STATUS": "1.1.0", "GC": "1.1.0"}
SPEC, QUALITY = "spec", "quality"


class Broken(Exception):
    """The plugin did not keep the fact; the text says what it did instead."""


class NotApplicable(Exception):
    """There is nothing to try the fact on; the text says why."""


def expect(condition, what):
    """Broken(what) unless the condition holds."""
    if not condition:
        raise Broken(what)


def number(version):
    """"1.10.0" as (1, 10, 0), for comparing."""
    return tuple(int(part) for part in version.split("."))


@dataclass(frozen=True)
class Fact:
    """One line of the table."""

    name: str        # "del.twice": stable, for --fact and for lists of known breakages
    verb: str
    text: str        # the fact as a sentence
    section: str     # where the specification says so; for quality facts, who needs it
    kind: str        # SPEC: the specification demands or recommends it. QUALITY: it does not, but somebody is hurt
    versions: tuple  # tried with each of these; () once, with the newest version that plugin and suite share
    run: Callable


ALL = []


def fact(name, verb, text, section, kind=SPEC, since=None, only=None, once=False):
    """Decorator: puts the function into the list. `since`: tried with this version and all later ones (default: the
    first that has the verb); `only`: with exactly these; `once`: with the newest."""
    first = number(since or SINCE.get(verb, VERSIONS[0]))
    versions = () if once else tuple(only or (v for v in VERSIONS if number(v) >= first))

    def put(function):
        assert verb in VERBS and all(f.name != name for f in ALL), name
        ALL.append(Fact(name, verb, text, section, kind, versions, function))
        return function

    return put


def rows(table, name, verb, text, section, **more):
    """Decorator for facts of one shape: `table` maps a row's name to its arguments; `name` and `text` are formats that
    get the row's name as {row}. The function is called with the trial and the row's arguments."""

    def put(function):
        for row, arguments in table.items():
            arguments = arguments if isinstance(arguments, tuple) else (arguments,)
            fact(name.format(row=row), verb, text.format(row=row.replace("-", " ")), section, **more)(
                lambda trial, given=arguments: function(trial, *given))
        return function

    return put
