"""What is chosen for data and machine where no experiment file is given, worked by hand."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.data.disk import mask, pairs, text, write_image

from seglet.cli.main import main
from seglet.engine.choices import STUDENT, DataFacts, Machine, choose_settings, starts_from
from seglet.engine.choose import choose_experiment, data_facts, earlier_choices
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.run import Run
from seglet.engine.saved_config import save_config
from seglet.values import ConfigError

PROCESSOR = Machine(cores=2, memory=16)
GPU = Machine(cores=12, memory=64, gpu_memory=24, bf16=True)
VOC = DataFacts(images=437, scored=223, size=(375, 500), classes=7)


def chosen(data: DataFacts = VOC, machine: Machine = PROCESSOR, **given: Any) -> dict[str, Any]:
    choices = choose_settings(data, machine, {"method": "supervised", **given})
    return {key: value for choice in choices for key, value in choice.values.items()}


def sized(height: int, width: int, **counts: int) -> DataFacts:
    return DataFacts(**{"images": 100, "scored": 20, "classes": 5, **counts}, size=(height, width))


def test_a_processor_gets_the_measured_recipe() -> None:
    assert chosen() == {
        "student": "fpn-efficientnet_lite0", "pretrained": "auto", "output_stride": 32,
        "resize": 0.68, "crop": (224, 224), "batch": 8, "scale": (0.75, 1.5),  # 256 / 375
        "optimiser": "adamw", "learning_rate": 5e-4, "head_rate": 10, "weight_decay": 0.01,
        "steps": 450, "warmup": 22, "validate_every": 113, "checkpoint_every": 113,  # 8 * 437 / 8, to full fifties
        "precision": "32", "workers": 1, "cache": 0.2,  # 437 * 0.68^2 * 375 * 500 * 4 bytes = 0.14 GiB
    }  # fmt: skip


def test_a_gpu_gets_larger_views_more_steps_and_its_own_arithmetic() -> None:
    large = chosen(sized(1024, 2048, images=2975, classes=19), GPU)
    views = {"resize": 0.56, "crop": (512, 512), "batch": 16, "steps": 7450, "precision": "bf16-mixed", "workers": 8}
    assert views.items() <= large.items()  # 576 / 1024, 40 * 2975 / 16
    assert chosen(VOC, Machine(8, 32, gpu_memory=24))["precision"] == "32"
    assert chosen(sized(1024, 2048), Machine(8, 32, gpu_memory=6, bf16=True))["batch"] == 8  # 3 GiB / 1056 bytes


@pytest.mark.parametrize(
    ("size", "resize", "crop", "batch"),
    [
        ((48, 48), 1.0, 64, 16),
        ((100, 80), 1.0, 96, 16),  # 7/8 of 80 are 70
        ((256, 256), 1.0, 224, 8),
        ((1000, 3000), 0.26, 224, 8),
    ],
)
def test_views_follow_the_size_of_the_images(size: tuple[int, int], resize: float, crop: int, batch: int) -> None:
    views = {"resize": resize, "crop": (crop, crop), "batch": batch}
    assert views.items() <= chosen(sized(*size)).items()


@pytest.mark.parametrize(
    ("images", "classes", "steps"), [(20, 2, 400), (437, 7, 450), (437, 41, 850), (1329, 7, 1350), (10**6, 2, 2000)]
)
def test_steps_follow_images_and_classes(images: int, classes: int, steps: int) -> None:
    assert chosen(sized(300, 300, images=images, classes=classes))["steps"] == steps


def test_given_keys_are_not_chosen_and_the_others_adapt() -> None:
    assert "crop" not in (large := chosen(crop=(512, 512)))
    assert (large["resize"], large["batch"]) == (1.0, 4)  # 512 * 256 / 224 is more than 375
    assert chosen(resize=0.25)["crop"] == (96, 96)  # 7/8 of 375 / 4 are 82
    assert chosen(batch=4)["steps"] == 900
    assert chosen(steps=40)["warmup"] == 2
    assert chosen(devices=3)["batch"] == 9


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        ({"optimiser": "sgd"}, ("sgd", 1e-3, 10, 1e-4)),
        ({"learning_rate": 0.02}, ("sgd", 0.02, 1, 1e-4)),
        ({"learning_rate": 1e-3}, ("adamw", 1e-3, 5, 0.01)),
        ({"learning_rate": 0.0025}, ("adamw", 0.0025, 2, 0.01)),
        ({"learning_rate": 1e-5}, ("adamw", 1e-5, 10, 0.01)),
        ({"pretrained": "none"}, ("adamw", 2e-3, 1, 0.01)),
        ({"pretrained": "none", "optimiser": "sgd"}, ("sgd", 0.02, 1, 1e-4)),
        ({"student": "deeplabv3-resnet18"}, ("adamw", 2e-3, 1, 0.01)),
        ({"student": "segformer-mit_b0", "student_weights": "imagenet"}, ("adamw", 6e-5, 10, 0.01)),
        ({"student": "vila-vit_b16", "student_weights": "timm.npz"}, ("adamw", 1e-5, 40, 0.01)),
    ],
)
def test_rates_follow_optimiser_and_initial_weights(given: dict[str, Any], rates: tuple[Any, ...]) -> None:
    made = {**chosen(**given), **given}
    assert tuple(made[key] for key in ("optimiser", "learning_rate", "head_rate", "weight_decay")) == rates


def test_a_given_network_keeps_what_only_others_have() -> None:
    assert chosen(student="deeplabv3-resnet50")["output_stride"] == 16
    assert chosen(student="segformer-efficientnet_lite1")["output_stride"] == 32
    assert "output_stride" not in chosen(student="segformer-mit_b0")
    assert chosen(sized(300, 300), GPU, student="ssss-clip_l14")["crop"] == (266, 266)  # 19 patches of 14
    assert chosen(machine=GPU, student="fpn-hf:anyone/dinov2")["crop"] == (448, 448)


@pytest.mark.parametrize(
    ("config", "crop"),
    [
        ('{"model_type": "dinov2", "patch_size": 14}', 70),  # 7/8 of 80 are 70, which are 5 patches
        ('{"model_type": "vit", "patch_size": 16}', 96),
        ('{"model_type": "swin", "patch_size": 4}', 96),
        ('{"model_type": "resnet"}', 96),
        ("no json", 224),
    ],
)
def test_views_of_a_model_that_is_here_are_whole_patches(config: str, crop: int, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    assert chosen(sized(100, 80), student=f"fpn-hf:{tmp_path}")["crop"] == (crop, crop)


def test_what_a_network_starts_from_is_known_by_its_keys() -> None:
    assert starts_from({"student": STUDENT}) == "convolutional"
    assert starts_from({"student": STUDENT, "width": 0.5}) == "random"
    assert starts_from({"student": "fpn-resnet18", "pretrained": "weights.pth"}) == "convolutional"


def test_validation_takes_a_third_of_the_time_at_most() -> None:
    many = chosen(sized(375, 500, images=437, scored=20_000))
    assert (many["steps"], many["validate_every"], many["checkpoint_every"]) == (450, 225, 200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images of 300 x 400 to train on and two to score on, with two classes."""
    root = tmp_path / "data"
    for split, count in (("train", 5), ("val", 2)):
        for number in range(count):
            write_image(root / "images" / split / f"{number}.png", shade=10 * count + number, size=(300, 400))
            mask(root / "masks" / split / f"{number}.png", 0, 1, size=(300, 400))
    text(root / "classes.txt", "0 field", "1 weed")
    return root


def choose(folder: Path, **keys: Any) -> Experiment:
    return choose_experiment({"method": "supervised", "data": str(folder), **keys}, machine=PROCESSOR)


def test_facts_are_those_of_the_description_and_of_the_headers(folder: Path) -> None:
    plain = resolve_experiment(None, {"method": "supervised", "data": str(folder)})
    assert data_facts(plain) == DataFacts(images=5, scored=2, size=(300, 400), classes=2)


def test_an_experiment_says_what_was_chosen_and_what_was_given(folder: Path) -> None:
    experiment = choose(folder, steps="30", crop=["64", "64"])
    assert (experiment.settings.steps, experiment.settings.crop) == (30, (64, 64))
    told = [experiment.origin[key] for key in ("steps", "crop", "batch", "student", "power")]
    assert told == ["command line", "command line", "chosen", "chosen", "default"]
    lines = experiment.choice_lines()
    assert lines[0].startswith("chosen for 5 images of about 400x300 pixels and 2 classes")
    assert lines[1].startswith("  student fpn-efficientnet_lite0, pretrained auto, output_stride 32: small and fast")
    assert lines[2].startswith("  resize 0.85, batch 16, scale 0.75 1.5: images are read at about 340x255")


@pytest.mark.parametrize("keys", [{"method": "supervised"}, {"method": "fotf", "data": "world:clutter=2"}])
def test_the_embedded_world_keeps_the_defaults(keys: dict[str, str]) -> None:
    assert choose_experiment(keys) == resolve_experiment(None, keys)


def test_methods_that_choose_nothing_keep_their_defaults(folder: Path) -> None:
    keys = {"method": "ssss", "data": str(folder)}
    assert choose_experiment(keys) == resolve_experiment(None, keys)


def test_images_without_masks_keep_the_defaults(tmp_path: Path) -> None:
    write_image(tmp_path / "d/0.png")
    keys = {"method": "supervised", "data": str(tmp_path / "d"), "train_split": "all"}
    assert choose_experiment(keys) == resolve_experiment(None, keys)


def test_a_mistake_is_named_before_the_data_are_read() -> None:
    with pytest.raises(ConfigError, match="did you mean 'steps'"):
        choose_experiment({"method": "supervised", "data": "nowhere", "step": 3})


def test_a_saved_file_resolves_to_the_same_values(folder: Path, tmp_path: Path) -> None:
    experiment = choose(folder, steps="30", flip="0")
    save_config(file := tmp_path / "mine.yaml", experiment)
    assert resolve_experiment(file, {}).values() == experiment.values()
    lines = file.read_text().splitlines()
    assert lines[:5] == [
        "# Chosen for 5 images of about 400x300 pixels and 2 classes.",
        f"#   seglet train {file}",
        "method: supervised",
        f"data: {folder}",
        "flip: 0.0",
    ]
    assert "# all but the pretrained backbone learns 10 times as fast" in lines
    assert "crop: [224, 224]" in lines


def test_a_saved_file_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    save_config(file := tmp_path / "mine.yaml", choose(folder))
    save_config(file, choose(folder))
    with pytest.raises(ConfigError, match="is there already and differs"):
        save_config(file, choose(folder, steps=7))
    with pytest.raises(ConfigError, match=r"does not end in \.yaml"):
        save_config(tmp_path / "mine.txt", choose(folder))


def test_a_short_run_is_recorded_and_resumes_with_its_choices(folder: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["train", "supervised", "--data", str(folder), "--out", str(tmp_path / "run"), "--accelerator", "cpu"]
    tiny = ["--pretrained", "none", "--crop", "32", "--batch", "2", "--steps", "2", "--width", "0.25"]
    assert main([*words, *tiny, "--save-config", str(tmp_path / "kept.yaml")]) == 0
    told = capsys.readouterr().err
    assert "chosen for 5 images" in told
    assert "initial weights: random" in told
    assert earlier_choices(tmp_path / "run").items() >= {"student": STUDENT, "head_rate": 1.0}.items()
    assert (
        resolve_experiment(tmp_path / "kept.yaml", {}).values()
        == resolve_experiment(Run(tmp_path / "run").experiment, {}).values()
    )
    assert main([*words, *tiny, "--resume"]) == 0


def test_a_dry_run_shows_what_was_chosen(folder: Path, capsys: Any) -> None:
    words = ["--pretrained", "none", "--crop", "32", "--batch", "2", "--accelerator", "cpu", "--dry-run"]
    assert main(["train", "supervised", "--data", str(folder), *words]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^head_rate +1\.0 +chosen$", told, re.M)
    assert "  optimiser adamw, learning_rate 0.002, head_rate 1, weight_decay 0.01: all weights start" in told


def test_other_layouts_are_chosen_for_too(tmp_path: Path) -> None:
    pairs(tmp_path / "data", "train", 3)
    assert choose(tmp_path / "data").settings.crop == (64, 64)
