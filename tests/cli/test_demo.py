"""`seglet demo` with and without what foundation models need."""

from pathlib import Path

import pytest

from seglet.cli import demo
from seglet.models.backbones import imagenet
from seglet.results.definition import demo_rows, table_definition


def test_all_methods_run_where_everything_is_installed():
    assert demo.possible_rows(None) == tuple(table_definition("demo").rows)


def test_rows_that_need_foundation_models_are_left_out_without_them(monkeypatch, capsys):
    monkeypatch.setattr(demo, "installed_version", lambda name: None)
    rows = demo.possible_rows(None)
    assert "ssss" in rows
    assert "diclip" not in rows
    said = capsys.readouterr().out
    assert (
        'left out: clip-es, dgkd, diclip, weclip, which need transformers and diffusers: pip install "seglet[hub]"'
        in said
    )


def test_a_method_that_needs_them_says_what_to_install(monkeypatch):
    monkeypatch.setattr(demo, "installed_version", lambda name: None)
    with pytest.raises(ValueError, match=r"\(diclip\) need transformers and diffusers"):
        demo.possible_rows(tuple(demo_rows("diclip")))


def test_a_method_without_a_short_run_is_refused():
    with pytest.raises(ValueError, match="brings no short run"):
        demo.possible_rows(())


@pytest.mark.parametrize(("installed", "student"), [(True, "fpn-efficientnet_lite0"), (False, "pspnet-resnet18")])
def test_the_teacher_starts_from_imagenet_where_the_weights_are_installed(installed, student, monkeypatch):
    file = Path("weights.pth") if installed else None
    monkeypatch.setattr(imagenet, "find_imagenet_file", lambda backbone: file)
    teacher = demo_rows("supervised")["teacher"]
    assert (teacher["student"], "imagenet" in teacher) == (student, False)
