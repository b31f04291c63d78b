"""What of e2e/kind can be checked without docker and kind."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KIND = os.path.join(REPOSITORY, "e2e/kind")
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
