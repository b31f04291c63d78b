"""What of e2e/kind can be checked without docker and kind."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KIND = os.path.join(REPOSITORY, "e2e/kind")
STAND_IN = os.path.join(REPOSITORY, "tests/manifests/kind_stand_in.py")
SCRIPTS = ["e2e/kind/run.sh", "manifests/image/build.sh"]


def read(path):
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_have_no_complaint_of_shellcheck(script):
    assert shutil.which("shellcheck"), "tests/packages.sh installs it"
    done = subprocess.run(["shellcheck", os.path.join(REPOSITORY, script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("argument", [[], ["--keep"], ["--down"]])
def test_without_docker_and_kind_it_says_so_and_does_nothing(tmp_path, argument):
    for program in ("dirname", "bash"):
        os.symlink(shutil.which(program), tmp_path / program)
    done = subprocess.run([shutil.which("bash"), os.path.join(KIND, "run.sh"), *argument], capture_output=True, text=True,
                          check=False, env={"PATH": str(tmp_path)})
    assert done.returncode == 77 and not done.stdout
    assert done.stderr == "e2e/kind: not here: docker,kind,kubectl. Nothing was done.\n"


def test_wrong_usage_ends_with_2():
    done = subprocess.run([os.path.join(KIND, "run.sh"), "--bogus"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--keep" in done.stderr


class Stage:
    """The script on a machine where docker, kind and kubectl say that all is well."""

    def __init__(self, directory):
        self._log = directory / "log"
        programs = directory / "programs"
        for name in ("docker", "kind", "kubectl"):
            os.symlink(STAND_IN, directory / name)
        programs.mkdir()
        for name in ("slash32-agent", "slash32-bgpd", "slash32ctl", "slash32", "slash32-ipam"):
            (programs / name).write_bytes(b"\x7fELF\x02\x01".ljust(18, b"\0") + b"\x3e".ljust(46, b"\0"))  # amd64, static
        self._env = {"PATH": f"{directory}:{os.environ['PATH']}", "STAND_IN_LOG": str(self._log), "SLASH32_BIN": str(programs),
                     "SLASH32_KIND_NAME": "stage"}

    def run(self, *argv, **env):
        """Its end; self.calls is how it called, self.told what it wrote to them."""
        done = subprocess.run([os.path.join(KIND, "run.sh"), *argv], capture_output=True, text=True, check=False,
                              env={**self._env, **env}, timeout=60)
        lines = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        self.calls, self.told = [call for call, _ in lines], "".join(told for _, told in lines)
        return done

    def place(self, words):
        """Of the first call that has these words in it."""
        return next(i for i, call in enumerate(self.calls) if words in call)


@pytest.fixture(name="stage")
def fixture_stage(tmp_path):
    return Stage(tmp_path)


DOWN = ["docker rm -f stage-tor", "kind delete cluster --name stage"]


def test_where_all_is_well_it_checks_everything_and_takes_the_cluster_down(stage):
    done = stage.run()
    assert done.returncode == 0 and done.stdout.endswith("=== all checks passed\n"), done
    order = ["kind create cluster --name stage --config e2e/kind/cluster.yaml", "kind load image-archive", "docker run",
             "apply -f manifests/slash32.yaml", "apply -f -", "rollout status daemonset/slash32", "apply -f e2e/kind/probe.yaml",
             "rollout restart daemonset/slash32"]
    assert [stage.place(words) for words in order] == sorted(stage.place(words) for words in order)
    assert stage.calls[-2:] == DOWN
    assert "bgp listen range 172.18.0.0/16" in stage.told and 'address: "172.18.0.9"' in stage.told and "@" not in stage.told
    reached = [call for call in stage.calls if "wget" in call]
    assert len(reached) == 3 * (6 + 2) and sum("[fd00:" in call for call in reached) == 3 * (3 + 1)
    assert sum("docker exec stage-tor ping" in call for call in stage.calls) == 6


def test_a_cluster_that_is_to_be_kept_is_kept(stage):
    assert stage.run("--keep").returncode == 0
    assert not set(DOWN) & set(stage.calls)


def test_pings_that_a_rolling_restart_cost_are_a_failure(stage):
    done = stage.run(STAND_IN_LOST="2")
    assert done.returncode == 1 and done.stderr == "FAILED: the restart has cost 10.244.2.2 packets\n"
    assert stage.calls[-2:] == DOWN


@pytest.mark.parametrize("argument", [[], ["--keep"]])
def test_a_cluster_that_was_there_before_is_left_alone(stage, argument):
    done = stage.run(*argument, STAND_IN_CLUSTERS="other\nstage")
    assert done.returncode == 1 and "a cluster stage is there already" in done.stderr
    assert stage.calls == ["docker info", "kind get clusters"]


def test_the_cluster_has_three_nodes_two_families_and_no_network():
    cluster = yaml.safe_load(read("e2e/kind/cluster.yaml"))
    assert len(cluster["nodes"]) == 3 and cluster["networking"]["disableDefaultCNI"] is True
    assert cluster["networking"]["ipFamily"] == "dual"
    assert len(cluster["networking"]["podSubnet"].split(",")) == len(cluster["networking"]["serviceSubnet"].split(",")) == 2


def test_it_applies_the_manifests_that_everybody_applies_and_files_that_are_there():
    script = read("e2e/kind/run.sh")
    assert "kube apply -f manifests/slash32.yaml" in script
    for path in set(re.findall(r"(?:e2e/kind|manifests)/[\w./-]+\.(?:yaml|in|sh|yaml\.in)", script)):
        assert os.path.exists(os.path.join(REPOSITORY, path)), path


def test_no_image_is_bound_to_one_registry():
    """Docker and containerd have a default, and those who mirror it say so there."""
    images = re.findall(r"image: *(\S+)", read("e2e/kind/probe.yaml")) + re.findall(r"_IMAGE:-([^}]+)", read("e2e/kind/run.sh"))
    assert len(images) == 2 and not [image for image in images if "." in image.split("/")[0].split(":")[0]], images


def test_its_resources_say_what_the_definitions_allow():
    for document in yaml.safe_load_all(read("e2e/kind/bgp.yaml.in").replace("@TOR4@", "172.18.0.9")):
        definition = yaml.safe_load(read(f"manifests/crds/{document['kind'].lower()}s.yaml"))
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert set(document["spec"]) <= set(schema["properties"]), document["kind"]
        for key, value in document["spec"].items():
            inner = schema["properties"][key].get("properties")
            assert inner is None or set(value) <= set(inner), key
