import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.models.tiny import images, tiny

import seglet
from seglet import files
from seglet.files import DataError
from seglet.images import WhiteLevels
from seglet.models.architecture import Architecture
from seglet.models.class_maps import class_maps, default_views
from seglet.models.io.locate import segmenter_folder
from seglet.models.network import DivergedError, finite_logits
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    made = tiny()
    made.network.head.tail.classifier.weight.data.mul_(20)
    return made


@pytest.fixture
def saved(segmenter: Segmenter, tmp_path: Path) -> Path:
    segmenter.save(tmp_path / "net")
    return tmp_path / "net"


def edit(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    config.pop(files.SEAL)
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def replace_weights(folder: Path, change: Any) -> Path:
    """Stores changed weights with their right sha256."""
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")
    digest = files.file_sha256(folder / "model.safetensors")
    return edit(folder, weights={"file": "model.safetensors", "sha256": digest})


def test_what_is_loaded_is_what_was_saved(segmenter: Segmenter, saved: Path) -> None:
    loaded = seglet.load(saved)
    assert (loaded.classes, loaded.architecture) == (segmenter.classes, segmenter.architecture)
    assert torch.equal(loaded(images()), segmenter.eval()(images()))


def test_a_folder_holds_two_files_and_nothing_temporary(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in saved.parent.iterdir()] == ["net"]


def test_saving_again_replaces(segmenter: Segmenter, saved: Path) -> None:
    other = build(segmenter.architecture, segmenter.classes, seed=1)
    other.save(saved)
    assert torch.equal(Segmenter.load(saved)(images()), other.eval()(images()))


def test_saving_never_touches_a_folder_with_other_files(segmenter: Segmenter, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(ValueError, match=r"other files \(thesis.txt\)"):
        segmenter.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_channels_last_weights_are_saved_as_they_are(segmenter: Segmenter, tmp_path: Path) -> None:
    network = tiny().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.save(tmp_path / "net")
    read = Segmenter.load(tmp_path / "net").state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".bin"])
def test_a_pickle_is_refused_by_naming_convert(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"net{suffix}").write_bytes(b"")
    with pytest.raises(ValueError, match="seglet convert"):
        seglet.load(tmp_path / f"net{suffix}")


def test_a_folder_of_pickles_names_convert(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no config\.json; run `seglet convert .*pytorch_model\.bin"):
        seglet.load(tmp_path)


def test_changed_weights_are_noticed(saved: Path) -> None:
    with (saved / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(ValueError, match="sha256 differs"):
        Segmenter.load(saved)


def test_missing_weights_are_named(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no model\.safetensors"):
        Segmenter.load(saved)


def test_damaged_json_is_named(saved: Path) -> None:
    (saved / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config.json is not valid JSON"):
        Segmenter.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "does not describe a Segmenter"),
        ({"version": 9}, "format version 9, this seglet reads 1"),
        (
            {"architecture": {"name": "deeplab-resnet18"}},
            "config.json: unknown network 'deeplab-resnet18'; did you mean",
        ),
        ({"architecture": {"name": "pspnet-resnet18", "depht": 3}}, "unknown key 'depht'"),
        ({"architecture": {"name": "pspnet-resnet18", "depth": 3}}, "depth to be null or keys and values, got 3"),
        ({"architecture": {"name": "pspnet-resnet18", "depth": {"wey": "sft"}}}, "unknown key 'wey'"),
        ({"architecture": {}}, "needs a `name`"),
        ({"architecture": {"name": "pspnet-resnet18", "width": "wide"}}, "config.json is incomplete or misshapen"),
        ({"classes": [{"name": "cat"}]}, "config.json is incomplete or misshapen: KeyError"),
        ({"classes": [{"name": "a", "colour": [0, 0, 0]}] * 2}, "class names repeat"),
        ({"weights": []}, "incomplete or misshapen"),
    ],
)
def test_a_wrong_config_is_explained(saved: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmenter.load(edit(saved, **changes))


def test_a_tensor_of_another_shape_is_named(saved: Path) -> None:
    name = "head.tail.classifier.bias"
    with pytest.raises(ValueError, match=rf"{name} has shape \(4,\) instead of \(3,\)"):
        Segmenter.load(replace_weights(saved, lambda tensors: {**tensors, name: torch.zeros(4)}))


def test_missing_and_unknown_tensors_are_named(saved: Path) -> None:
    name = "head.tail.classifier.bias"
    renamed = lambda tensors: {("other" if key == name else key): value for key, value in tensors.items()}  # noqa: E731
    with pytest.raises(ValueError, match=rf"missing \['{name}'\], unknown \['other'\]"):
        Segmenter.load(replace_weights(saved, renamed))


def test_weights_that_are_no_safetensors_are_named(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(b"not tensors")
    edit(saved, weights={"sha256": files.file_sha256(saved / "model.safetensors")})
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        Segmenter.load(saved)


@pytest.mark.parametrize("name", ["runs/a/b", "./somewhere", "net", "owner/net.pth"])
def test_a_name_that_is_neither_folder_nor_hub_name_is_not_requested(name: str) -> None:
    with pytest.raises(ValueError, match=f"there is no folder {name}"):
        segmenter_folder(name)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (8000, 4), (31, 33)])
def test_any_size_is_segmented_at_its_own_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    predicted = segmenter.predict(np.zeros((*size, 3), np.uint8), samples=2)
    assert predicted.uncertainty is not None
    assert predicted.labels.shape == predicted.confidence.shape == predicted.uncertainty.shape == size
    assert predicted.probabilities.shape == (3, *size)


def test_all_forms_of_an_image_give_the_same(segmenter: Segmenter) -> None:
    planes = torch.from_numpy(IMAGE).permute(2, 0, 1)
    forms = [Image.fromarray(IMAGE), planes, planes / 255, IMAGE / 255, np.dstack([IMAGE, IMAGE[..., :1]])]
    expected = segmenter.predict(IMAGE).probabilities
    for form in forms:
        np.testing.assert_allclose(segmenter.predict(form).probabilities, expected, atol=1e-5)


def test_a_file_is_read_as_a_data_set_reads_it(segmenter: Segmenter, tmp_path: Path) -> None:
    deep = IMAGE[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")  # Pillow alone clips 16 bits to white
    grey = segmenter.predict(IMAGE[..., 0])
    for path in (tmp_path / "deep.png", str(tmp_path / "deep.png")):
        np.testing.assert_allclose(segmenter.predict(path).probabilities, grey.probabilities, atol=1e-6)


@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_16_bits_give_the_same_from_a_file_from_pillow_and_as_an_array(
    segmenter: Segmenter, tmp_path: Path, white: int
) -> None:
    deep = np.rint(IMAGE[..., 0] * (white / 255)).astype(np.uint16)
    deep[0, 0] = white
    grey = np.rint(deep * (255 / white)).astype(np.uint8)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    expected = segmenter.predict(grey).probabilities
    whole = deep.astype(np.int32)
    forms = [tmp_path / "deep.png", Image.open(tmp_path / "deep.png"), deep, deep.astype(">u2"), Image.fromarray(whole)]
    for form in (*forms, torch.from_numpy(whole).expand(3, -1, -1), Image.fromarray(grey.astype(np.float32))):
        np.testing.assert_allclose(segmenter.predict(form).probabilities, expected, atol=1e-6)


def test_a_network_scales_images_by_the_range_of_those_it_learnt_from(segmenter: Segmenter, tmp_path: Path) -> None:
    dark = IMAGE[..., 0].astype(np.uint16) * 4  # up to 1020, of 4095
    Image.fromarray(dark).save(tmp_path / "dark.png")
    architecture = replace(segmenter.architecture, whites=WhiteLevels(integers=4095))
    Segmenter(segmenter.network, segmenter.classes, architecture).save(tmp_path / "net")
    loaded = Segmenter.load(tmp_path / "net")
    expected = loaded.predict(np.rint(dark * (255 / 4095)).astype(np.uint8)).probabilities
    for form in (tmp_path / "dark.png", Image.open(tmp_path / "dark.png"), dark):
        np.testing.assert_allclose(loaded.predict(form).probabilities, expected, atol=1e-6)
    assert loaded.architecture.whites == WhiteLevels(integers=4095)


def test_a_folder_is_no_image_and_the_message_says_how_to_name_its_files(segmenter: Segmenter, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder; give its files, such as sorted\(Path\("):
        segmenter.predict(tmp_path)


def test_a_large_file_is_refused_before_it_is_decoded_unless_its_pixels_are_allowed(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"beyond the limit of 1199 pixels.*or allow its size with max_pixels=1200"):
        segmenter.predict(tmp_path / "a.png", max_pixels=1199)
    assert segmenter.predict(tmp_path / "a.png", max_pixels=1200).labels.shape == (30, 40)


def test_of_several_images_each_is_segmented_when_it_is_asked_for(segmenter: Segmenter, tmp_path: Path) -> None:
    results = segmenter.predict(iter([IMAGE, IMAGE[:20], tmp_path / "gone.png"]))
    assert [next(results).labels.shape, next(results).labels.shape] == [IMAGE.shape[:2], (20, IMAGE.shape[1])]
    with pytest.raises(DataError, match="does not exist"):
        next(results)


@pytest.mark.parametrize("head", ["ssss", "cam"])
def test_networks_that_learned_from_tags_predict_as_their_papers_do(head: str) -> None:
    classes = Classes.named(["background", "a", "b"])
    model = build(Architecture(f"{head}-resnet18", width=0.0625), classes).eval()
    image = np.tile(IMAGE, (2, 2, 1))
    batch = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        views = default_views(model.architecture)
        maps = class_maps(head, lambda view: model.network(view).logits, batch, views).masks[0].numpy()
    np.testing.assert_allclose(model.predict(image).probabilities, maps / maps.sum(0), rtol=1e-4, atol=1e-6)


def test_a_grey_image_is_three_equal_channels(segmenter: Segmenter) -> None:
    grey = IMAGE[..., 0]
    expected = segmenter.predict(np.dstack([grey] * 3)).probabilities
    for form in (grey, Image.fromarray(grey)):
        np.testing.assert_allclose(segmenter.predict(form).probabilities, expected, atol=1e-6)


def test_orientation_of_a_photograph_is_applied(segmenter: Segmenter, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(IMAGE).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as photograph:
        assert segmenter.predict(photograph).labels.shape == (50, 40)


def test_confidence_is_the_probability_of_the_label(segmenter: Segmenter) -> None:
    predicted = segmenter.predict(IMAGE)
    assert predicted.labels.dtype == np.uint8
    assert predicted.uncertainty is None
    np.testing.assert_allclose(predicted.probabilities.sum(0), 1, rtol=1e-5)
    np.testing.assert_array_equal(
        np.take_along_axis(predicted.probabilities, predicted.labels[None].astype(int), 0)[0], predicted.confidence
    )


def test_half_precision_weights_are_read_as_single(tmp_path: Path) -> None:
    tiny().half().save(tmp_path / "net")
    assert Segmenter.load(tmp_path / "net")(images()).dtype == torch.float32


def test_loaded_weights_can_be_trained(saved: Path) -> None:
    assert all(parameter.requires_grad for parameter in Segmenter.load(saved).parameters())


def test_prediction_keeps_parts_in_evaluation_mode(segmenter: Segmenter) -> None:
    segmenter.train().network.backbone.eval()
    segmenter.predict(IMAGE)
    assert segmenter.training
    assert not segmenter.network.backbone.training


def test_prediction_agrees_with_forward_and_keeps_the_mode(segmenter: Segmenter) -> None:
    predicted = segmenter.train().predict(IMAGE)
    assert segmenter.training
    logits = segmenter.eval()(torch.from_numpy(IMAGE).permute(2, 0, 1)[None] / 255)
    np.testing.assert_allclose(predicted.probabilities, logits.softmax(1)[0].detach(), rtol=1e-4, atol=1e-6)


def test_uncertainty_repeats_under_its_seed(segmenter: Segmenter) -> None:
    maps = [segmenter.predict(IMAGE, samples=3, seed=seed).uncertainty for seed in (0, 0, 1)]
    assert maps[0] is not None
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] != maps[2]).any()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"\[h, w, 3\]"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
        (np.full((4, 4, 3), -1.5), "floats from -1.5 to -1.5"),
        (np.full((4, 4, 3), 1.02), "slightly above 1"),
        (np.full((4, 4, 3), np.nan), "48 are not finite"),
        (np.full((4, 4, 3), 70000, np.int32), "32-bit values from 70000"),
        (torch.zeros(1, 3, 4, 4), r"a tensor \[3, h, w\]"),
    ],
)
def test_what_is_no_image_is_refused(segmenter: Segmenter, image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segmenter.predict(image)


def test_classes_name_the_outputs() -> None:
    classes = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    assert build(tiny().architecture, classes)(images()).shape[1] == 2


def test_names_of_classes_are_enough_to_build_and_save(tmp_path: Path) -> None:
    build(tiny().architecture, ["a", "b"]).save(tmp_path / "net")
    assert seglet.load(tmp_path / "net").classes == Classes(("a", "b"), ((0, 0, 0), (128, 0, 0)))


def test_a_string_is_no_list_of_classes() -> None:
    with pytest.raises(ValueError, match=r"the string 'cat'; give \['cat'\]"):
        build(tiny().architecture, "cat")


@pytest.mark.parametrize("kept", ["model", "last"])
def test_a_runs_folder_loads_its_segmenter(segmenter: Segmenter, tmp_path: Path, kept: str) -> None:
    (tmp_path / "experiment.yaml").touch()
    segmenter.save(tmp_path / kept)
    assert torch.equal(seglet.load(tmp_path)(images()), segmenter.eval()(images()))


def test_the_best_segmenter_of_a_run_comes_before_the_last(segmenter: Segmenter, tmp_path: Path) -> None:
    build(segmenter.architecture, segmenter.classes, seed=1).save(tmp_path / "last")
    segmenter.save(tmp_path / "model")
    assert torch.equal(seglet.load(tmp_path)(images()), segmenter.eval()(images()))


def test_a_run_without_a_segmenter_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").touch()
    with pytest.raises(ValueError, match="not been validated yet; go on with `seglet train --resume"):
        seglet.load(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_loaded(saved: Path, value: float) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        next(each for each in tensors.values() if each.is_floating_point()).view(-1)[0] = value
        return tensors

    with pytest.raises(ValueError, match="numbers that are not finite"):
        Segmenter.load(replace_weights(saved, spoil))


@pytest.mark.parametrize(
    ("name", "samples"),
    [("deeplabv3-resnet18", 0), ("deeplabv3-resnet18", 2), ("ssss-resnet18", 0), ("cam-resnet18", 0)],
)
def test_logits_that_are_not_finite_are_no_mask_of_class_0(name: str, samples: int) -> None:
    diverged = tiny(name)
    with torch.no_grad():
        for weights in diverged.parameters():
            weights.mul_(1e25)  # each is finite
    with pytest.raises(DivergedError, match="no class can be named"):
        diverged.predict(IMAGE, samples)


def test_classes_may_be_ruled_out_by_minus_infinity() -> None:
    logits = torch.tensor([0.0, -math.inf]).view(1, 2, 1, 1)
    assert finite_logits(logits) is logits
    with pytest.raises(DivergedError, match="-inf at 1 of 1"):
        finite_logits(logits - math.inf)


def test_an_input_convention_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="expected finite `mean`"):
        Architecture("pspnet-resnet18", mean=(float("nan"), 0.0, 0.0))


@pytest.mark.parametrize("keys", [{"width": 1e9}, {"mean": (0.5, 0.5)}, {"std": (1.0, 1.0, float("inf"))}])
def test_networks_beyond_reason_are_refused_at_once(keys: dict[str, Any], unchecked: None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Architecture("pspnet-resnet18", **keys)
