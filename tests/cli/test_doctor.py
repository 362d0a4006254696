"""`seglet doctor`."""

import json
from importlib import metadata

from seglet.cli import diagnosis


def test_a_working_installation_is_reported(seglet):
    done = seglet("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.out)["findings"]}
    assert done.code == 0
    assert found["world"]["state"] == found["torch"]["state"] == "ok"


def test_a_missing_package_comes_with_its_cure(monkeypatch):
    monkeypatch.setattr(diagnosis, "installed_version", lambda name: None)
    cures = {finding.name: finding.cure for finding in diagnosis.check_extras()}
    assert cures["export"] == 'pip install "seglet[export]"'
    assert {finding.state for finding in diagnosis.check_versions()} == {"ok", "broken"}


def test_requirements_are_read_from_the_package(monkeypatch):
    lines = ["torch>=2.6", 'onnx>=1; extra == "export"', 'zensical==0.1 ; python_version > "3" and extra == "docs"']
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    assert diagnosis.required_packages("") == ["torch"]
    assert diagnosis.required_packages("export") == ["onnx"]
    assert diagnosis.required_packages("docs") == ["zensical"]


def test_an_unexpected_error_of_a_check_is_a_finding(seglet, monkeypatch):
    def broken():
        raise OSError("no disk at all")

    monkeypatch.setattr(diagnosis, "CHECKS", (broken,))
    done = seglet("doctor")
    assert done.code == 2
    assert "OSError: no disk at all" in done.out


def test_licences_of_packages_and_weights_are_listed(seglet):
    found = json.loads(seglet("doctor", "--licences", "--json").out)
    packages = {one["name"]: one["licence"] for one in found["packages"]}
    assert packages["seglet"] == "Apache-2.0"
    assert {"torch", "pillow", "safetensors"} <= packages.keys()
    assert not {name for name, licence in packages.items() if "AGPL" in licence or "Affero" in licence}
    assert all(one["licence"] for one in found["weights"])
