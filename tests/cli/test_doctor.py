"""`seglet doctor`."""

import json
from importlib import metadata

from seglet.cli import diagnosis


def test_a_working_installation_is_told_so(seglet):
    done = seglet("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.out)["findings"]}
    assert done.code == 0
    assert found["world"]["state"] == found["torch"]["state"] == "ok"


def test_what_is_lacking_comes_with_its_cure(monkeypatch):
    monkeypatch.setattr(diagnosis, "installed", lambda name: None)
    cures = {finding.name: finding.cure for finding in diagnosis.extras()}
    assert cures["export"] == 'pip install "seglet[export]"'
    assert {finding.state for finding in diagnosis.versions()} == {"ok", "broken"}


def test_requirements_are_read_from_the_package(monkeypatch):
    lines = ["torch>=2.6", 'onnx>=1; extra == "export"', 'zensical==0.1 ; python_version > "3" and extra == "docs"']
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    assert diagnosis.requirements("") == ["torch"]
    assert diagnosis.requirements("export") == ["onnx"]
    assert diagnosis.requirements("docs") == ["zensical"]


def test_a_doctor_does_not_faint(seglet, monkeypatch):
    def broken():
        raise OSError("no disk at all")

    monkeypatch.setattr(diagnosis, "EXAMINATIONS", (broken,))
    done = seglet("doctor")
    assert done.code == 2
    assert "OSError: no disk at all" in done.out
