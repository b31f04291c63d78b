"""Renders what our Helm chart uses of Go's templates, to hold it against the manifests where there is no helm:
`{{ .Values.a.b }}`, `.Release.Namespace`, `.Chart.AppVersion`, the pipes `quote` and `default VALUE`, and `{{- if VALUE }}`
to `{{- end }}`. Anything else is an error."""

import json
import re

ACTION = re.compile(r"(\s*)\{\{(-?) (.*?) \}\}")


class TemplateError(Exception):
    """Something that is not of the subset."""


def _value(word, scope):
    if not word.startswith("."):
        raise TemplateError(f"unknown word {word}")
    for part in word[1:].split("."):
        scope = scope[part]
    return scope


def _evaluate(text, scope):
    first, *pipes = [part.split() for part in text.split(" | ")]
    if len(first) != 1:
        raise TemplateError(f"unknown action {text}")
    value = _value(first[0], scope)
    for pipe in pipes:
        if pipe == ["quote"]:
            value = json.dumps(value)
        elif pipe[0] == "default" and len(pipe) == 2:
            value = value or _value(pipe[1], scope)
        else:
            raise TemplateError(f"unknown pipe {pipe}")
    return str(value)


def render(text, scope):
    """The text with its actions done; `scope` has Values, Release and Chart."""
    out, at, shown = [], 0, [True]
    for match in ACTION.finditer(text):
        space, trim, action = match.groups()
        literal = text[at:match.start()] + ("" if trim else space)
        if shown[-1]:
            out.append(literal)
        at = match.end()
        if action.startswith("if "):
            shown.append(shown[-1] and bool(_value(action[3:], scope)))
        elif action == "end":
            shown.pop()
        elif shown[-1]:
            out.append(_evaluate(action, scope))
    out.append(text[at:])
    if len(shown) != 1 or "{{" in "".join(out):
        raise TemplateError("brackets that do not match")
    return "".join(out)
