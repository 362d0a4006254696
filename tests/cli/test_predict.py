"""`seglet predict`."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seglet.data import description
from seglet.data.world.scene import WORLD_CLASSES
from seglet.images import WhiteLevels, read_image, read_mask
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import predict_probabilities
from seglet.inference.segment import segment_image
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build, load


def test_maps_are_those_of_the_segmenter(model, images, seglet, tmp_path):
    assert seglet("predict", model, images / "images", "--out", tmp_path / "out").code == 0
    prediction = load(model).predict(read_image(images / "images/val/val0.png"))
    np.testing.assert_array_equal(read_mask(tmp_path / "out/masks/val/val0.png"), prediction.labels)
    confidence = read_image(tmp_path / "out/confidence/val/val0.png")[..., 0] / 255
    np.testing.assert_allclose(confidence, prediction.confidence, atol=0.5 / 255 + 1e-6)
    assert (tmp_path / "out/overlays/train/train1.jpg").is_file()
    assert not (tmp_path / "out/uncertainty").exists()


def test_deep_images_are_scaled_as_those_the_network_learned_from(model, seglet, tmp_path):
    made = load(model)
    made.architecture = replace(made.architecture, whites=WhiteLevels(integers=4095))
    made.save(tmp_path / "net")
    dark = np.random.default_rng(0).integers(0, 1000, (40, 40), dtype=np.uint16)
    Image.fromarray(dark).save(tmp_path / "dark.png")
    assert seglet("predict", tmp_path / "net", tmp_path / "dark.png", "--out", tmp_path / "out").code == 0
    expected = made.predict(np.rint(dark * (255 / 4095)).astype(np.uint8))
    np.testing.assert_array_equal(read_mask(tmp_path / "out/masks/dark.png"), expected.labels)
    confidence = read_image(tmp_path / "out/confidence/dark.png")[..., 0] / 255
    np.testing.assert_allclose(confidence, expected.confidence, atol=0.5 / 255 + 1e-6)


def test_masks_beside_images_are_not_segmented_unless_they_are_given(model, seglet, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    for number in (0, 1):
        Image.fromarray(noise[number]).save(tmp_path / f"in{number}.png")
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(tmp_path / f"in{number}_mask.png")
    (tmp_path / "in").mkdir()
    for file in tmp_path.glob("in*.png"):
        file.rename(tmp_path / "in" / file.name)
    done = seglet("predict", model, tmp_path / "in", "--out", tmp_path / "out")
    assert "segmented: 2, failed: 0" in done.out
    assert "masks that lie beside their images: 2, such as in0_mask.png" in done.out
    given = seglet("predict", model, tmp_path / "in/in0_mask.png", "--out", tmp_path / "two")
    assert "segmented: 1, failed: 0" in given.out


def test_samples_give_an_uncertainty(model, images, seglet, tmp_path):
    done = seglet("predict", model, images / "images/val", "--out", tmp_path / "out", "--samples", 3, "--json")
    first = json.loads(done.out)["images"][0]
    assert first["uncertainty"] == "uncertainty/val0.png"
    assert read_image(tmp_path / "out" / first["uncertainty"]).max() > 0


def test_a_bad_image_stops_nothing(model, images, seglet, tmp_path):
    (images / "images/train/train0.png").write_bytes(b"no image")
    done = seglet("predict", model, images / "images", "--out", tmp_path / "out")
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    assert done.code == 2
    assert "segmented: 3, failed: 1" in done.out
    assert [failure["source"] for failure in record["failed"]] == [str(images / "images/train/train0.png")]


@pytest.mark.parametrize("words", [(), ("--scales", 1, 2), ("--window", 8, 8)])
def test_a_network_that_diverged_predicts_nothing(words, images, seglet, tmp_path):
    diverged = build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES)
    for weights in diverged.parameters():
        weights.data.mul_(1e25)
    diverged.save(tmp_path / "net")
    done = seglet("predict", tmp_path / "net", images / "images", "--out", tmp_path / "out", *words)
    assert done.code == 2
    assert "the network's logits are nan" in done.err
    assert not list(tmp_path.glob("out/masks/*"))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (31, 33)])
def test_any_size_will_do(size, model, seglet, tmp_path):
    Image.new("RGB", size).save(tmp_path / "odd.png")
    assert seglet("predict", model, tmp_path / "odd.png", "--out", tmp_path / "out").code == 0
    with Image.open(tmp_path / "out/masks/odd.png") as mask:
        assert mask.size == size


def test_labels_are_never_written_over(model, images, seglet):
    before = (images / "masks/val/val0.png").read_bytes()
    done = seglet("predict", model, images / "images", "--out", images)
    assert done.code == 2
    assert "holds other files" in done.err
    assert (images / "masks/val/val0.png").read_bytes() == before


def test_earlier_results_are_kept_without_overwrite(model, images, seglet, tmp_path):
    words = ("predict", model, images / "images/val", "--out", tmp_path / "out")
    assert seglet(*words).code == 0
    assert "--overwrite" in seglet(*words).err
    assert seglet(*words, "--overwrite").code == 0


def test_a_folder_in_which_the_first_write_was_interrupted_is_as_good_as_new(model, images, seglet, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.partial-0123abcd-predictions.json").write_text("{")
    done = seglet("predict", model, images / "images", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    (tmp_path / "out/masks/.partial-0123abcd-a.png").write_text("half")
    assert seglet("predict", model, images / "images", "--out", tmp_path / "out", "--overwrite").code == 0
    assert not list((tmp_path / "out").rglob(".partial-*"))


def test_windows_agree_with_the_whole_where_the_network_sees_no_further(model):
    image = np.full((40, 50, 3), 128, np.uint8)
    found = segment_image(load(model), image, SegmentOptions(inference=InferenceOptions(window=(32, 32))))
    assert found.labels.shape == found.confidence.shape == (40, 50)
    small = segment_image(load(model), image[:20, :20], SegmentOptions(inference=InferenceOptions(window=(32, 32))))
    np.testing.assert_array_equal(small.labels, load(model).predict(image[:20, :20]).labels)


@pytest.mark.parametrize(
    "settings",
    [
        {"samples": 1},
        {"samples": 2, "inference": InferenceOptions(window=(8, 8))},
        {"samples": 2, "inference": InferenceOptions(flip=True)},
    ],
)
def test_settings_that_contradict_are_refused(settings):
    with pytest.raises(ValueError, match="--samples"):
        SegmentOptions(**settings)


def test_images_can_be_read_smaller_and_maps_keep_their_size(model, images, seglet, tmp_path):
    segmenter, image = load(model), read_image(images / "images/val/val0.png")
    small = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BOX))
    whole = segment_image(segmenter, image, SegmentOptions(inference=InferenceOptions(resize=0.5)))
    expected = Image.fromarray(segmenter.predict(small).labels).resize((32, 32), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(whole.labels, expected)
    assert whole.confidence.shape == (32, 32)


def test_predictions_can_be_checked_as_masks(model, images, seglet, tmp_path):
    out = tmp_path / "out"
    done = seglet("predict", model, images / "images/val", "--out", out)
    assert f"seglet data check IMAGES --masks {out / 'masks'} --classes {out / 'classes.txt'}" in done.out
    words = ("--masks", out / "masks", "--classes", out / "classes.txt", "--out", tmp_path / "d.json")
    assert seglet("data", "check", images / "images/val", *words).code == 0
    assert description.load_description(tmp_path / "d.json").classes == load(model).classes


def test_a_network_that_learned_from_tags_predicts_as_its_paper_does():
    model = build(Architecture("ssss-resnet18", width=0.125), WORLD_CLASSES).eval()
    image = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    found = segment_image(model, image, SegmentOptions())
    scores = predict_probabilities(
        model, image, None, InferenceOptions(scales=(1.0, 0.5, 1.5, 2.0), flip=True, background_power=3.0)
    )
    np.testing.assert_array_equal(found.labels, scores.argmax(0))
    np.testing.assert_array_equal(found.confidence, scores.max(0))


def test_an_image_beyond_the_limit_names_the_option_that_allows_it(model, seglet, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "ortho.png")
    words = ("predict", model, tmp_path / "ortho.png", "--out", tmp_path / "out", "--window", 32, 32)
    refused = seglet(*words, "--max-pixels", 1199)
    assert refused.code == 2
    assert "40x30, beyond the limit of 1199 pixels" in refused.out
    assert "or allow its size with --max-pixels 1200" in refused.out
    assert seglet(*words, "--max-pixels", 1200, "--overwrite").code == 0
