"""The alerts name metrics that slash32-bgpd has, with labels that these carry."""

import os
import re

import pytest
import yaml

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        return file.read()


def rules():
    return [rule for group in yaml.safe_load(read("manifests/prometheus/alerts.yaml"))["groups"] for rule in group["rules"]]


def documented():
    """{metric: its labels}, as bgpd's README has them."""
    table = read("bgpd/README.md").split("| name (`slash32_bgp_…`) |")[1].split("\n\n")[0]
    out = {}
    for row in table.splitlines()[2:]:
        names, labels = row.strip("|").split("|")[:2]
        for name in re.findall(r"`([a-z0-9_]+)`", names):
            out[f"slash32_bgp_{name}"] = set(re.findall(r"`([a-z_]+)`", labels))
    return out


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in rules()])
def test_an_alert_names_what_is_measured(rule):
    metrics = set(re.findall(r"slash32_[a-z0-9_]+", rule["expr"]))
    known = documented()
    assert metrics and metrics <= set(known), metrics - set(known)
    labels = set.union(*(known[metric] for metric in metrics)) | {"instance"}
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels
    assert set(rule["annotations"]) == {"summary", "description"} and rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["expr"].count("(") == rule["expr"].count(")")
    if " by (" in rule["expr"]:
        assert set(re.findall(r"\$labels\.(\w+)", told)) <= set(re.search(r" by \((.*?)\)", rule["expr"]).group(1).split(", "))


def test_alerts_have_names_of_their_own():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 7 and all(name.startswith("Slash32") for name in names)
