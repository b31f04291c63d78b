"""The environment: which variables each verb must have, and what may stand in them."""

from .facts import QUALITY, SINCE, fact, number, rows
from .trial import container

REQUIRED = "1.1.0 §2 CNI operations, §5 Error 4"
MISSING = {"ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"), "DEL": ("CNI_CONTAINERID", "CNI_IFNAME"),
           "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME")}
IDS = {"leading-dash": "-x", "leading-dot": ".x", "slash": "a/b", "dots": "../x", "space": "a b",
       "newline": "a\nb", "colon": "a:b", "not-ASCII": "ä"}
IFNAMES = {"empty": "", "16-bytes": "a" * 16, "dot": ".", "two-dots": "..", "slash": "a/b", "colon": "a:b", "space": "a b",
           "tab": "a\tb", "newline": "a\nb"}


def _bad(trial):
    """The codes of a bad environment: 4 is so since 1.0.0; before, an error of any code will do."""
    return (4,) if number(trial.version) >= (1, 0, 0) else ()


def _good(trial, verb, pod="p1"):
    """Arguments of a call that is right in everything."""
    netns = trial.node.pod(pod)
    return {"conf": trial.conf(), "cid": container(pod), "netns": netns, "ifname": "eth0"}


VALUES = {"CNI_CONTAINERID": "cid", "CNI_NETNS": "netns", "CNI_IFNAME": "ifname"}


def missing(trial, verb, variable):
    before = trial.node.snapshot()
    trial.call(verb, **_good(trial, verb), without=(variable,)).must_fail(*_bad(trial))
    trial.call(verb, **{**_good(trial, verb, "p2"), VALUES[variable]: ""}).must_fail(*_bad(trial))
    trial.must_become(before)


def names(trial, verb, variable):
    trial.call(verb, **_good(trial, verb), without=(variable,)).must_fail(naming=(variable,))


for _verb, _variables in MISSING.items():
    _table = {variable: (_verb, variable) for variable in _variables}
    for _variable in _variables:  # the container ID was optional in 0.3.1
        rows({_variable: (_verb, _variable)}, f"environment.missing-{_verb}-{{row}}", _verb,
             "without {row} it is an error, 4 since 1.0.0", REQUIRED,
             since=max("0.4.0" if _variable == "CNI_CONTAINERID" else "0.3.1", SINCE.get(_verb, "0.3.1")))(missing)
    rows(_table, f"environment.names-{_verb}-{{row}}", _verb, "the error names the variable that is missing: {row}",
         "1.1.0 §5 Error 4", since="1.0.0")(names)


@fact("environment.all-at-once", "ADD", "several faults of the environment are told in one error", "people who set it up",
      kind=QUALITY, since="1.0.0")
def all_at_once(trial):
    good = _good(trial, "ADD")
    trial.call("ADD", **good, without=tuple(VALUES)).must_fail(4, naming=tuple(VALUES))
    trial.call("ADD", **{**good, "cid": "a/b", "ifname": "a/b"}).must_fail(4, naming=("CNI_CONTAINERID", "CNI_IFNAME"))


@fact("environment.path-is-optional", "ADD", "without CNI_PATH, which is optional, ADD and DEL work or fail, since 1.0.0 "
      "with error 4 that names it", "1.1.0 §2 ADD, DEL")
def path_is_optional(trial):
    for verb in ("ADD", "DEL"):
        answer = trial.call(verb, **_good(trial, verb, verb), without=("CNI_PATH",))
        if not answer.ok:
            answer.must_fail(*_bad(trial), naming=("CNI_PATH",) if _bad(trial) else ())


def container_id(trial, text):
    before = trial.node.snapshot()
    trial.call("ADD", **{**_good(trial, "ADD"), "cid": text}).must_fail(*_bad(trial))
    trial.must_become(before)


for _table, _since in (({"empty": ""}, "0.4.0"), (IDS, "1.0.0")):  # which characters it may have, 1.0.0 says first
    rows(_table, "environment.container-id-{row}", "ADD", "a container ID that may not be is an error, 4 since 1.0.0: {row}",
         "1.1.0 §2 Parameters, §5 Error 4", since=_since)(container_id)


@rows(IFNAMES, "environment.ifname-{row}", "ADD", "an interface name that Linux does not allow is an error, 4 since 1.0.0: {row}",
      "0.4.0 Parameters; 1.1.0 §5 Error 4")
def ifname(trial, text):
    before = trial.node.snapshot()
    trial.call("ADD", **{**_good(trial, "ADD"), "ifname": text}).must_fail(*_bad(trial))
    trial.must_become(before)


@fact("environment.names-what-is-bad", "ADD", "the error names the variable that holds a bad value", "1.1.0 §5 Error 4",
      since="1.0.0")
def names_what_is_bad(trial):
    good = _good(trial, "ADD")
    trial.call("ADD", **{**good, "cid": "a/b"}).must_fail(naming=("CNI_CONTAINERID",))
    trial.call("ADD", **{**good, "ifname": "a/b"}).must_fail(naming=("CNI_IFNAME",))


@fact("environment.good-names", "ADD", "every container ID and interface name that may be is taken", "1.1.0 §2 Parameters")
def good_names(trial):
    for index, (cid, name) in enumerate([("0", "e"), ("A.b_c-D", "eth0.100_x-y+z"), ("f" * 64, "a" * 15)]):
        trial.delete(trial.add(f"p{index}", ifname=name, cid=cid))


@fact("environment.unknown-command", "ADD", "a CNI_COMMAND that nobody knows is an error, 4 with its name since 1.0.0, "
      "and does nothing", "1.1.0 §5 Error 4")
def unknown_command(trial):
    before = trial.node.snapshot()
    for verb in ("FROBNICATE", "add"):
        answer = trial.call(verb, trial.conf(), container("p1"), "/run/netns/p1", "eth0")
        answer.must_fail(*_bad(trial), naming=("CNI_COMMAND",) if _bad(trial) else ())
    trial.must_become(before)


@fact("environment.no-command", "ADD", "without CNI_COMMAND nothing is done, and stdout is empty or an error",
      "people who run it by hand", kind=QUALITY)
def no_command(trial):
    before = trial.node.snapshot()
    good = _good(trial, "ADD")
    answer = trial.call("", **good, without=("CNI_COMMAND",))
    if answer.out.strip():
        answer.must_fail(*_bad(trial))
    trial.must_become(before)


@rows({"absent": "/run/netns/nowhere", "a-file": "/etc/passwd", "a-directory": "/run/netns", "relative": "no/such/path"},
      "environment.netns-{row}", "ADD", "a CNI_NETNS that is no network namespace is an error and changes nothing: {row}",
      "1.1.0 §2 ADD")
def netns(trial, path):
    trial.add("other")
    before = trial.node.snapshot()
    trial.call("ADD", **{**_good(trial, "ADD"), "netns": path}).must_fail()
    trial.must_become(before)


@fact("environment.netns-gives-no-address-away", "ADD", "an ADD that failed for its namespace holds no address afterwards",
      "runtimes whose DEL gets lost", kind=QUALITY)
def netns_gives_no_address_away(trial):
    first = trial.add("p0")
    trial.delete(first)
    trial.must_be_free(first)
    for index, (address, _) in enumerate(first.ips):
        good = {**_good(trial, "ADD", f"n{index}"), "netns": "/run/netns/nowhere",
                "conf": trial.conf(args={"cni": {"ips": [address]}})}
        trial.call("ADD", **good, env={"CNI_ARGS": f"IgnoreUnknown=1;IP={address}"}).must_fail()
    trial.must_be_free(first)


@fact("environment.own-netns", "ADD", "the plugin's own namespace is refused and left as it was", "the node itself",
      kind=QUALITY)
def own_netns(trial):
    trial.add("other")
    before = trial.node.snapshot()
    good = {**_good(trial, "ADD"), "netns": "/proc/1/ns/net", "ifname": "eth9"}
    trial.node.run("sh", "-c", "touch /run/netns/self && mount --bind /proc/self/ns/net /run/netns/self")
    good["netns"] = "/run/netns/self"
    trial.call("ADD", **good).must_fail()
    trial.must_become(before)


@fact("environment.cni-args", "ADD", "CNI_ARGS with Kubernetes' keys and IgnoreUnknown pass, for ADD, CHECK and DEL",
      "CONVENTIONS.md CNI_ARGS; kubelet's runtimes", kind=QUALITY)
def cni_args(trial):
    env = {"CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;IgnoreUnknown=1;K8S_POD_UID=1-2-3;"
                       "K8S_POD_INFRA_CONTAINER_ID=" + container("p1") + ";SOMETHING_NEW=x"}
    attachment = trial.add("p1", env=env)
    if number(trial.version) >= (0, 4, 0):
        trial.call("CHECK", trial.conf(prevResult=attachment.result), attachment.cid, attachment.netns, "eth0",
                   env=env).must_succeed()
    trial.delete(attachment, env=env)
