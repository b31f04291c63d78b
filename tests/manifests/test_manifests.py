"""What manifests/ promises, looked at without a cluster: nothing is stale, the chart says the same, references lead
somewhere, rights are few, and the programs know the flags they are started with."""

import copy
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import template

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFESTS = os.path.join(REPOSITORY, "manifests")
CHART = os.path.join(MANIFESTS, "helm/slash32")
BIN = os.environ.get("SLASH32_BIN") or os.path.join(REPOSITORY, "build/release/bin")

sys.path.insert(0, MANIFESTS)
import render  # noqa: E402  (found by the line above)

# In Kubernetes 1.20 as in 1.36: generally available in both.
STABLE = {"v1", "apps/v1", "rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1"}


def load(name):
    """Every document of a file below manifests/."""
    with open(os.path.join(MANIFESTS, name), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def name_of(document):
    return document["apiVersion"], document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"]


def by_name(documents):
    out = {name_of(document): document for document in documents}
    assert len(out) == len(documents), "two documents have one name"
    return out


def one(documents, kind):
    found, = [document for document in documents if document["kind"] == kind]
    return found


def pod_of(documents):
    return one(documents, "DaemonSet")["spec"]["template"]["spec"]


def containers_of(pod):
    return {container["name"]: container for container in (*pod.get("initContainers", []), *pod["containers"])}


HELM = os.environ.get("HELM") or shutil.which("helm")
BOTH = pytest.mark.parametrize("file", ["slash32.yaml", "slash32-cleanup.yaml"])


def test_nothing_that_is_rendered_is_stale():
    done = subprocess.run([os.path.join(MANIFESTS, "render.py"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stale_file_would_be_found(monkeypatch):
    wanted = render.everything()
    monkeypatch.setattr(render, "read", lambda path: wanted[path] + " ")
    assert set(render.stale(wanted)) == set(wanted)


@pytest.mark.parametrize("base, file", [(base, file) for file, base in render.RENDERED.items()])
def test_the_text_and_the_data_of_a_base_say_the_same(base, file):
    assert by_name(load(file)) == by_name(render.render(base))


@pytest.mark.parametrize("base, file", [(base, file) for file, base in render.RENDERED.items()])
def test_kustomize_itself_renders_the_same_where_it_is_installed(base, file):
    done = subprocess.run(["sh", "-c", 'kubectl kustomize "$1" || kustomize build "$1"', "sh", os.path.join(MANIFESTS, base)],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:  # Debian's kubectl may be missing; the test above has compared with our own reading
        assert by_name(list(yaml.safe_load_all(done.stdout))) == by_name(load(file))


def test_the_selinux_component_changes_the_label_of_the_pod_and_nothing_else():
    plain, labelled = by_name(render.render("base")), by_name(render.render("base", ["components/selinux"]))
    changed = [name for name in plain if plain[name] != labelled[name]]
    assert [name[1] for name in changed] == ["DaemonSet"]
    context = labelled[changed[0]]["spec"]["template"]["spec"]["securityContext"]
    assert context.pop("seLinuxOptions") == {"type": "spc_t"} and labelled == plain


def test_a_patch_that_meets_nothing_is_an_error():
    with pytest.raises(render.RenderError):
        render.patched(render.render("base"), [{"target": {"kind": "Deployment"}, "patch": "[]"}])


def chart(**values):
    """The chart as `helm template -n slash32-system` renders it."""
    with open(os.path.join(CHART, "Chart.yaml"), encoding="utf-8") as file:
        about = yaml.safe_load(file)
    with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as file:
        defaults = yaml.safe_load(file)
    unknown = set(values) - set(defaults)
    assert not unknown, unknown
    scope = {"Values": {**defaults, **values}, "Release": {"Namespace": "slash32-system"},
             "Chart": {"AppVersion": about["appVersion"]}}
    out = []
    for name in sorted(os.listdir(os.path.join(CHART, "templates"))):
        with open(os.path.join(CHART, "templates", name), encoding="utf-8") as file:
            out += yaml.safe_load_all(template.render(file.read(), scope))
    return out


def test_the_chart_says_what_the_manifests_say():
    documents = chart()
    for document in documents:
        if document["kind"] == "CustomResourceDefinition":
            assert document["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    wanted = by_name(load("slash32.yaml"))
    del wanted["v1", "Namespace", "", "slash32-system"]  # the release's own
    assert by_name(documents) == wanted


OTHER_VALUES = {"image": {"repository": "registry.test/x", "tag": "7", "pullPolicy": "Always"}, "logLevel": "debug",
                "forwarding": "ipv4", "apiServer": "https://10.0.0.1:6443", "seLinux": True}


if HELM:

    @pytest.mark.parametrize("values", [{}, OTHER_VALUES], ids=["defaults", "others"])
    def test_helm_itself_renders_the_same(values, tmp_path):
        """Debian has no helm; the tests around this one read the templates themselves."""
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        done = subprocess.run([HELM, "template", "slash32", CHART, "-n", "slash32-system", "-f", str(file)], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert by_name([one for one in yaml.safe_load_all(done.stdout) if one]) == by_name(chart(**values))


def test_every_value_of_the_chart_arrives():
    documents = chart(**OTHER_VALUES)
    pod = pod_of(documents)
    assert {c["image"] for c in containers_of(pod).values()} == {"registry.test/x:7"}
    assert {c["imagePullPolicy"] for c in containers_of(pod).values()} == {"Always"}
    assert pod["securityContext"]["seLinuxOptions"] == {"type": "spc_t"}
    assert one(documents, "ConfigMap")["data"] == {"LOG_LEVEL": "debug", "FORWARDING": "ipv4",
                                                   "SLASH32_API_SERVER": "https://10.0.0.1:6443"}


def test_the_chart_reads_every_value_it_offers_and_offers_every_one_it_reads():
    """Of what values.yaml does not have, Helm makes an empty text without a word."""
    def leaves(values, above=""):
        for key, value in values.items():
            yield from leaves(value, f"{above}{key}.") if isinstance(value, dict) else [above + key]
    with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as file:
        offered = set(leaves(yaml.safe_load(file)))
    texts = []
    for name in sorted(os.listdir(os.path.join(CHART, "templates"))):
        with open(os.path.join(CHART, "templates", name), encoding="utf-8") as file:
            texts.append(file.read())
    assert set(re.findall(r"\.Values\.([A-Za-z.]+)", "\n".join(texts))) == offered


def test_one_version_is_named_everywhere():
    with open(os.path.join(REPOSITORY, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(slash32 VERSION ([0-9.]+)", file.read()).group(1)
    with open(os.path.join(CHART, "Chart.yaml"), encoding="utf-8") as file:
        about = yaml.safe_load(file)
    assert render.version() == version == about["version"] == about["appVersion"]


@BOTH
def test_every_object_is_of_a_version_that_old_and_new_clusters_serve(file):
    documents = load(file)
    assert {document["apiVersion"] for document in documents} <= STABLE
    for document in documents:
        assert document["metadata"]["labels"]["app.kubernetes.io/name"] == "slash32", name_of(document)


@BOTH
def test_every_reference_leads_somewhere(file):
    documents = load(file)
    names = by_name(documents)
    daemonset = one(documents, "DaemonSet")
    space, pod = daemonset["metadata"]["namespace"], pod_of(documents)
    assert ("v1", "Namespace", "", space) in names
    labels = daemonset["spec"]["template"]["metadata"]["labels"]
    assert daemonset["spec"]["selector"]["matchLabels"].items() <= labels.items()
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounted = {mount["name"] for c in containers_of(pod).values() for mount in c.get("volumeMounts", [])}
    assert volumes == mounted
    for container in containers_of(pod).values():
        known = {env["name"] for env in container.get("env", [])}
        for source in container.get("envFrom", []):
            known |= set(names["v1", "ConfigMap", space, source["configMapRef"]["name"]]["data"])
        used = set(re.findall(r"\$\((\w+)\)", " ".join(container.get("command", []) + container.get("args", []))))
        assert used <= known, container["name"]
    if "serviceAccountName" in pod:
        assert ("v1", "ServiceAccount", space, pod["serviceAccountName"]) in names
    for document in documents:
        if document["kind"].endswith("RoleBinding") or document["kind"] == "RoleBinding":
            role, space_of = document["roleRef"], document["metadata"].get("namespace", "")
            assert ("rbac.authorization.k8s.io/v1", role["kind"], "" if role["kind"] == "ClusterRole" else space_of,
                    role["name"]) in names
            assert all(("v1", s["kind"], s["namespace"], s["name"]) in names for s in document["subjects"])


def test_rights_are_named_one_by_one_and_none_of_them_escalates():
    rules = {(group, resource, *rule.get("resourceNames", [])): set(rule["verbs"]) for document in load("slash32.yaml")
             if document["kind"] in ("ClusterRole", "Role") for rule in document["rules"] for group in rule["apiGroups"]
             for resource in rule["resources"]}
    assert not any("*" in key or "*" in verbs for key, verbs in rules.items())
    writes = {key: verbs - {"get", "list", "watch"} for key, verbs in rules.items() if verbs - {"get", "list", "watch"}}
    assert writes == {("", "nodes/status"): {"patch"}, ("", "events"): {"create"}, ("", "services/status"): {"patch"},
                      ("slash32.io", "bgpnodestatuses"): {"create"}, ("slash32.io", "bgpnodestatuses/status"): {"patch"},
                      **{("slash32.io", f"{name}/status"): {"patch"} for name in (
                          "bgpconfigurations", "bgppeers", "bgpfilters", "bgpadvertisements", "ippools")},
                      ("coordination.k8s.io", "leases"): {"create"},
                      ("coordination.k8s.io", "leases", "slash32-agent"): {"patch"}}
    cluster = one([d for d in load("slash32.yaml") if d["kind"] == "ClusterRole"], "ClusterRole")
    assert not any("secrets" in rule["resources"] for rule in cluster["rules"]), "passwords: in our namespace alone"


def test_rights_name_resources_that_the_definitions_define():
    documents = load("slash32.yaml")
    defined = {d["spec"]["names"]["plural"] for d in documents if d["kind"] == "CustomResourceDefinition"}
    named = {resource.split("/")[0] for d in documents if d["kind"] == "ClusterRole" for rule in d["rules"]
             if rule["apiGroups"] == ["slash32.io"] for resource in rule["resources"]}
    assert named == defined and len(defined) == 6


def test_a_status_that_a_definition_shows_may_be_written():
    documents = load("slash32.yaml")
    may = {resource for d in documents if d["kind"] == "ClusterRole" for rule in d["rules"] if "patch" in rule["verbs"]
           for resource in rule["resources"]}
    shown = {f"{d['spec']['names']['plural']}/status" for d in documents if d["kind"] == "CustomResourceDefinition"
             for version in d["spec"]["versions"] for column in version["additionalPrinterColumns"]
             if column["jsonPath"].startswith(".status")}
    assert shown - may == set() and len(shown) == 6


def test_only_the_installer_is_privileged():
    pod = pod_of(load("slash32.yaml"))
    assert [c["name"] for c in pod["initContainers"]] == ["install"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"]["runAsUser"] == 0 and "hostPID" not in pod and "hostIPC" not in pod
    added = {}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert "privileged" not in context and context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True and context["capabilities"]["drop"] == ["ALL"]
        added[container["name"]] = set(context["capabilities"].get("add", []))
    assert added == {"agent": {"NET_ADMIN"}, "bgpd": {"NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"}}
    assert pod["initContainers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_token_is_the_agents_alone():
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    hidden = {name for name, c in containers_of(pod_of(load("slash32.yaml"))).items()
              if token in [mount["mountPath"] for mount in c["volumeMounts"]]}
    assert hidden == {"install", "bgpd"}
    assert pod_of(load("slash32-cleanup.yaml"))["automountServiceAccountToken"] is False


@BOTH
def test_the_pods_run_wherever_a_kubelet_runs_and_are_the_last_to_go(file):
    daemonset = one(load(file), "DaemonSet")
    pod = daemonset["spec"]["template"]["spec"]
    assert pod["hostNetwork"] is True and pod["priorityClassName"] == "system-node-critical"
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert daemonset["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == (1 if file == "slash32.yaml" else "100%")
    labels = one(load(file), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert all("requests" in c["resources"] and "limits" not in c["resources"] for c in containers_of(pod).values())


def test_probes_listen_on_loopback():
    agent = containers_of(pod_of(load("slash32.yaml")))["agent"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert agent[probe]["httpGet"]["host"] == "127.0.0.1"
        assert f"--metrics-address=127.0.0.1:{agent[probe]['httpGet']['port']}" in agent["args"]


def test_what_is_on_the_node_is_where_the_programs_look_for_it():
    pod = pod_of(load("slash32.yaml"))
    hosts = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    for name, container in containers_of(pod).items():
        for mount in container["volumeMounts"]:
            if mount["name"] in hosts:
                assert mount["mountPath"] == ("/host" if name == "install" else "") + hosts[mount["name"]]
    written = {name: {m["mountPath"] for m in c["volumeMounts"] if not m.get("readOnly")}
               for name, c in containers_of(pod).items()}
    assert written["bgpd"] == {"/run/slash32"}
    assert written["agent"] == {"/run/slash32", "/var/lib/slash32", "/etc/cni/net.d"}


def commands():
    """(container, its program, its words) of every container and exec probe."""
    for file in ("slash32.yaml", "slash32-cleanup.yaml"):
        for name, container in containers_of(pod_of(load(file))).items():
            yield name, container["command"] + container.get("args", [])
            if "exec" in container.get("readinessProbe", {}):
                yield f"{name}-probe", container["readinessProbe"]["exec"]["command"]


@pytest.mark.parametrize("name, words", [pytest.param(*each, id=each[0]) for each in commands()])
def test_programs_know_the_flags_they_are_started_with(name, words):
    program = os.path.join(BIN, words[0])
    if words[0] == "slash32-agent" and not os.path.exists(program):
        return  # not built here; where it is, it is asked
    verbs = [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)]
    if words[0] != "slash32ctl":
        verbs = []
    done = subprocess.run([program, *verbs, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (name, done.stderr)
    flags = {word.split("=")[0] for word in words if word.startswith("--")}
    assert flags <= set(re.findall(r"--[a-z0-9-]+", done.stdout)), done.stdout


def test_the_template_reader_refuses_what_it_does_not_know():
    scope = {"Values": {"a": 1, "no": False}, "Release": {}, "Chart": {}}
    assert template.render("x: {{ .Values.a }}\n{{- if .Values.no }}\ny: 1\n{{- end }}\n", scope) == "x: 1\n"
    for text in ("{{ include \"x\" . }}", "{{ .Values.a | nindent 2 }}", "{{- if .Values.a }}", "{{.Values.a}}"):
        with pytest.raises(template.TemplateError):
            template.render(text, copy.deepcopy(scope))
