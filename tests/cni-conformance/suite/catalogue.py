"""Brings the tables of facts together, in the order in which they are tried and printed."""

import json

from . import (facts_version, facts_environment, facts_input, facts_add, facts_result, facts_runtime,  # noqa: F401
               facts_del, facts_check, facts_damage, facts_status, facts_gc, facts_delegation, facts_codes)


def document(facts):
    """For programs."""
    return json.dumps([{"fact": f.name, "verb": f.verb, "kind": f.kind, "versions": f.versions, "text": f.text,
                        "section": f.section} for f in facts], indent=1)


def listing(facts):
    """A Markdown table, as in README.md."""
    lines = ["| fact | verb | kind | versions | what | where |", "|---|---|---|---|---|---|"]
    for fact in facts:
        versions = "newest" if not fact.versions else f"{fact.versions[0]}+" if len(fact.versions) > 1 else fact.versions[0]
        lines.append(f"| `{fact.name}` | {fact.verb} | {fact.kind} | {versions} | {fact.text} | {fact.section} |")
    return "\n".join(lines)
