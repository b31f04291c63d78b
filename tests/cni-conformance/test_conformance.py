"""What CI holds the suite to: ours keeps every fact; Debian's ptp and bridge, and ours with one fault put in, break just what
they are known to break, which proves that the suite can fail and does not fail for nothing; and the command behaves as its
README says.
"""

import json
import os
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = os.path.join(HERE, "cni-conformance")
OURS = os.environ.get("SLASH32_BIN") or os.path.join(HERE, "../../build/release/bin")
UPSTREAM = os.environ.get("CNI_PLUGINS") or "/usr/lib/cni"
# Debian 12's containernetworking-plugins 1.1.1, with versions up to 1.0.0.
BROKEN_BY_UPSTREAM = {
    "ptp": {"error.version", "add.prev-result", "delegation.failed-add", "check.route-changed-IPv4", "check.host-link-down",
            "check.others-results", "environment.names-what-is-bad", "del.ipam-type-changed", "version.newest"},
    "bridge": {"error.version", "add.prev-result", "add.failed-is-undone", "check.route-changed-IPv4",
               "del.first-pod-leaves-no-link", "del.ipam-type-changed", "version.newest", "delegation.code-ADD-3",
               "delegation.try-again"},
}
# Nothing of slash32's gives these codes by itself: unknown fields are 7, a namespace that is not there is 8, and STATUS does
# not look at running pods. A chain is tried by test_a_chain_keeps_the_facts_of_a_list.
NOT_FOR_OURS = {"code.2-names-key-and-value", "code.3-needs-no-cleanup", "code.51-passes", "runtime.chain"}
KEPT_BY_UPSTREAM = {"version.answer", "add.works", "add.ifname-taken", "add.parallel", "result.index", "result.container-side",
                    "del.after-add", "del.twice", "del.never-added", "check.after-add", "check.link-gone",
                    "check.allocation-gone", "environment.missing-ADD-CNI_NETNS", "input.garbage-text", "delegation.same-call",
                    "code.3-is-true", "delegation.code-ADD-11"}


def conformance(*argv):
    return subprocess.run([COMMAND, *argv], capture_output=True, text=True, timeout=900)


def example(name):
    return os.path.join(HERE, "examples", f"{name}.conflist")


def facts():
    """[(fact, version)] of the whole list, with "" for facts that are tried once."""
    done = conformance("--list", "--json")
    return [(fact["fact"], version) for fact in json.loads(done.stdout) for version in fact["versions"] or [""]]


@pytest.fixture(scope="module")
def ours():
    done = conformance("--plugins", OURS, "--plugins", UPSTREAM, "--conflist", example("slash32"), "--json")
    assert done.returncode in (0, 1), done.stderr
    return {(v["fact"], v["version"]): v for v in json.loads(done.stdout)["facts"]}


@pytest.mark.parametrize("fact, version", facts())
def test_slash32_keeps(ours, fact, version):
    verdict = ours[fact, version or "1.1.0"]
    assert verdict["outcome"] == ("n/a" if fact in NOT_FOR_OURS else "kept"), verdict["note"]


def test_a_chain_keeps_the_facts_of_a_list():
    # Without add.second-interface: Debian's bandwidth has one ifb a container, and fails at the second interface.
    facts = ("runtime.*", "add.[!s]*", "del.after-add", "check.after-add")
    done = conformance("--plugins", OURS, "--plugins", UPSTREAM, "--conflist", example("chain"), "--spec-version", "1.0.0",
                       "--json", *[word for fact in facts for word in ("--fact", fact)])
    verdicts = {v["fact"]: v for v in json.loads(done.stdout)["facts"]}
    assert done.returncode == 0, [v for v in verdicts.values() if v["outcome"] not in ("kept", "n/a")]
    assert {verdicts[f]["outcome"] for f in ("runtime.chain", "del.after-add", "check.after-add")} == {"kept"}


@pytest.mark.parametrize("plugin", BROKEN_BY_UPSTREAM)
def test_upstream_breaks_what_it_is_known_to_break_and_keeps_the_rest(plugin):
    patterns = [word for fact in sorted(BROKEN_BY_UPSTREAM[plugin] | KEPT_BY_UPSTREAM) for word in ("--fact", fact)]
    done = conformance("--plugins", UPSTREAM, "--conflist", example(plugin), "--spec-version", "1.0.0", "--json", *patterns)
    assert done.returncode == 1, done.stderr
    outcomes = {v["fact"]: v["outcome"] for v in json.loads(done.stdout)["facts"]}
    assert {f for f, outcome in outcomes.items() if outcome == "broken"} == BROKEN_BY_UPSTREAM[plugin]
    assert {f for f, outcome in outcomes.items() if outcome == "kept"} == KEPT_BY_UPSTREAM


RENUMBERED = '{real} > /tmp/$$ && { cat /tmp/$$; rm /tmp/$$; exit; }; ' \
             'sed -E "s/(.code.: *)[0-9]+/\\1{code}/" /tmp/$$; rm /tmp/$$; exit 1'
# Plugins that are good but for one fault, and facts that must notice: {real} is slash32 itself.
FAULTY = {
    "GC does nothing": ('[ "$CNI_COMMAND" != GC ] || exit 0', {"gc.valid-attachments", "gc.attachments", "gc.union", "gc.list-null",
                                                              "gc.list-empty", "gc.links", "gc.by-interface"}),
    "GC knows one key": ('[ "$CNI_COMMAND" != GC ] || { sed s,cni.dev/attachments,x-a, | {real}; exit; }',
                         {"gc.attachments", "gc.union"}),
    "GC keeps nothing": ('[ "$CNI_COMMAND" != GC ] || { sed "s/containerID\": \"/&x/g" | {real}; exit; }',
                         {"gc.valid-attachments", "gc.attachments", "gc.union", "gc.twice", "gc.bare-environment"}),
    "GC takes null for nothing to do": ('[ "$CNI_COMMAND" != GC ] || { grep -v "attachments.: null" | {real}; exit 0; }',
                                        {"gc.list-null"}),
    "GC minds no network": ('[ "$CNI_COMMAND" != GC ] || { c=$(cat); printf %s "$c" | sed s/conformance/conformance-other/ | '
                            '{real}; printf %s "$c" | {real}; exit; }', {"gc.other-network"}),
    "STATUS waits for ADD": ('case $CNI_COMMAND in ADD|STATUS) exec flock -w 2 /run/lock-of-all {real};; esac',
                             {"status.waits-for-no-add"}),
    "STATUS is slow": ('[ "$CNI_COMMAND" != STATUS ] || sleep 1.2', {"status.quick", "status.waits-for-no-add"}),
    "STATUS is always content": ('[ "$CNI_COMMAND" != STATUS ] || exit 0', {"status.ipam-missing", "status.says-as-add",
                                                                            "delegation.status"}),
    "CHECK is a stub": ('[ "$CNI_COMMAND" != CHECK ] || { echo OK; exit 0; }',
                        {"check.after-add", "check.link-gone", "check.address-gone-IPv6", "check.route-gone-IPv4",
                         "check.host-link-gone", "check.host-route-gone-IPv4", "check.allocation-gone", "check.no-prev-result"}),
    "DEL wants the namespace": ('[ "$CNI_COMMAND" != DEL ] || [ -e "$CNI_NETNS" ] || exit 1',
                                {"del.no-netns", "del.dangling-netns", "del.nothing-to-go-by", "del.never-added"}),
    "DEL does nothing": ('[ "$CNI_COMMAND" != DEL ] || exit 0', {"del.after-add", "del.no-netns", "del.at-once"}),
    "an unknown field is 2 that names only the key": (
        'grep -q gigawatts && { echo \'{"cniVersion": "1.1.0", "code": 2, "msg": "fluxCapacitor, mtu, dns, capabilities and '
        'runtimeConfig are not supported"}\'; exit 1; }', {"code.2-names-key-and-value"}),
    "every error is 3": (RENUMBERED.replace("{code}", "3"),
                         {"code.3-is-true", "delegation.code-ADD-2", "delegation.code-ADD-11", "delegation.code-CHECK-11",
                          "delegation.code-DEL-11", "delegation.code-STATUS-50", "delegation.code-STATUS-51",
                          "delegation.code-GC-11"}),
    "every error is 11": (RENUMBERED.replace("{code}", "11"), {"delegation.code-ADD-3", "delegation.code-CHECK-3"}),
    "11 is for ever": ('[ -e /run/held ] && [ "$CNI_COMMAND" = ADD ] && { echo \'{"code": 11, "msg": "later"}\'; exit 1; }; '
                       '{real} > /tmp/$$; c=$?; cat /tmp/$$; rm /tmp/$$; [ $c = 0 ] || touch /run/held; exit $c',
                       {"code.11-passes", "delegation.try-again"}),
    "3 in spite of a link left behind": (
        '[ "$CNI_COMMAND" = ADD ] && ! [ -e "$CNI_NETNS" ] && { ip link add left0 type veth peer name left1; '
        'echo \'{"code": 3, "msg": "who?"}\'; '
        'exit 1; }', {"code.3-needs-no-cleanup"}),
    "51 in spite of being well again": (
        'if [ "$CNI_COMMAND" = STATUS ]; then [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || touch /run/bad; '
        'if [ -e /run/bad ]; then echo \'{"code": 51, "msg": "cut off"}\'; exit 1; fi; fi', {"code.51-passes"}),
    "it chats on stdout": ('[ "$CNI_COMMAND" = VERSION ] || echo hello', {"add.works", "check.after-add", "gc.silent",
                                                                          "status.good", "error.codes"}),
    "errors go to stderr": ('{real} > /tmp/$$ || { cat /tmp/$$ >&2; rm /tmp/$$; exit 1; }; cat /tmp/$$; rm /tmp/$$; exit',
                            {"error.codes", "input.garbage-text", "environment.missing-ADD-CNI_NETNS"}),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_it_notices_that(fault, tmp_path):
    line, broken = FAULTY[fault]
    real = os.path.realpath(os.path.join(OURS, "slash32"))
    program = tmp_path / "slash32"
    program.write_text(f"#!/bin/sh\n{line.replace('{real}', real)}\nexec {real}\n")
    program.chmod(0o755)
    patterns = [word for fact in sorted(broken) for word in ("--fact", fact)]
    done = conformance("--plugins", str(tmp_path), "--plugins", OURS, "--conflist", example("slash32"), "--spec-version", "1.1.0",
                       "--json", *patterns)
    assert done.returncode == 1, done.stderr
    assert {v["fact"]: v["outcome"] for v in json.loads(done.stdout)["facts"]} == dict.fromkeys(broken, "broken")


def test_a_version_that_the_plugin_does_not_list_is_not_applicable():
    done = conformance("--plugins", UPSTREAM, "--conflist", example("ptp"), "--spec-version", "1.1.0", "--verb", "GC", "--verb",
                       "STATUS", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0, document
    assert {v["outcome"] for v in document["facts"]} == {"n/a"}
    assert sum(document["counts"][kind]["n/a"] for kind in ("spec", "quality")) == len(document["facts"]) > 20


def test_the_table_has_the_section_beside_each_fact_and_ends_with_the_counts():
    done = conformance("--plugins", UPSTREAM, "--conflist", example("ptp"), "--spec-version", "1.0.0", "--fact", "del.twice",
                       "--fact", "error.version")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("kept") and line.endswith("[1.1.0 §2 DEL]") for line in lines)
    broken = next(i for i, line in enumerate(lines) if line.startswith("BROKEN"))
    assert "[1.1.0 §5 Error]" in lines[broken] and "cniVersion" in lines[broken + 1]
    assert lines[-2].split() == ["spec", "1", "kept,", "1", "broken,", "0", "n/a,", "0", "error"]


@pytest.mark.parametrize("argv, complaint", [
    ((), "--plugins and --conflist are needed"),
    (("--plugins", "/nowhere", "--conflist", example("ptp")), "/nowhere: not a directory"),
    (("--plugins", UPSTREAM, "--conflist", "/nowhere"), "No such file"),
    (("--plugins", UPSTREAM, "--conflist", "/bin/true"), "--conflist /bin/true"),
    (("--plugins", HERE, "--conflist", example("ptp")), "no plugin \"ptp\""),
    (("--plugins", "/run", "--conflist", example("ptp")), "nodes have a /run of their own"),
    (("--plugins", UPSTREAM, "--conflist", example("ptp"), "--fact", "no.such"), "no fact fits"),
    (("--plugins", UPSTREAM, "--conflist", example("ptp"), "--verb", "FROB"), "FROB"),
    (("--plugins", UPSTREAM, "--conflist", example("ptp"), "--jobs", "0"), "--jobs"),
])
def test_wrong_usage_is_status_2_and_says_what(argv, complaint):
    done = conformance(*argv)
    assert done.returncode == 2 and complaint in done.stderr, done


def test_a_plugin_that_is_none_is_told_as_such(tmp_path):
    program = tmp_path / "ptp"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    done = conformance("--plugins", str(tmp_path), "--conflist", example("ptp"))
    assert done.returncode == 2 and "VERSION" in done.stderr and "hello" in done.stderr


def test_the_readme_lists_every_fact():
    listing = conformance("--list").stdout.strip()
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as stream:
        readme = stream.read()
    assert listing in readme, "update it: cni-conformance --list"
