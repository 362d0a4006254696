import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.toys import random_image, sample

from seglet.data.augment.colour import ColourJitter, hue_matrix, jitter_colours
from seglet.data.augment.geometry import Augmentation, CropWindow, _smooth, augmented_view, draw_window, whole_image
from seglet.data.dataset import Sample
from seglet.types import IGNORE

PLAIN = Augmentation(crop=(20, 30), scale=(1, 1), flip=0)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_plain_view_of_the_whole_image_is_the_image():
    viewed = augmented_view(sample(), PLAIN, rng())
    assert torch.equal(viewed.image, whole_image(sample())[0])
    assert np.array_equal(viewed.labels, sample().labels)
    assert viewed.box == (0, 0, 1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_views_that_stay_bytes_are_those_in_floats(seed):
    photo, augment = sample(height=41, width=67, seed=seed), Augmentation(crop=(48, 48), flip=0.5)
    found = augmented_view(photo, augment, rng(seed)).image
    window, flipped = draw_window((41, 67), augment, draws := rng(seed)), draws.random() < 0.5
    plain = _smooth(photo.image, window).transpose(2, 0, 1)
    np.testing.assert_array_equal(found.numpy(), plain[..., ::-1] if flipped else plain)


def test_flipped_view_is_the_mirrored_image():
    viewed = augmented_view(sample(), Augmentation(crop=(20, 30), scale=(1, 1), flip=1), rng())
    assert viewed.flipped
    assert torch.equal(viewed.image.flip(2), whole_image(sample())[0])
    assert np.array_equal(viewed.labels[:, ::-1], sample().labels)


def test_padding_has_the_mean_colour_and_no_label():
    viewed = augmented_view(sample(), Augmentation(crop=(25, 40), scale=(1, 1), flip=0), rng())
    torch.testing.assert_close(viewed.image[:, 22, 35], whole_image(sample())[0].mean(dim=(1, 2)))
    assert (viewed.labels[20:] == IGNORE).all()
    assert viewed.valid.sum() == 20 * 30
    assert viewed.box == (0, 0, 25 / 20, 40 / 30)


@pytest.mark.parametrize("seed", range(8))
def test_column_that_is_the_image_follows_it(seed):
    columns = {"image": random_image(20, 30), "unit": random_image(20, 30).astype(np.float32) / 255}
    viewed = augmented_view(sample(columns=columns), Augmentation(crop=(17, 23)), rng(seed))
    assert torch.equal(viewed.columns["image"], viewed.image)
    assert (viewed.columns["unit"] - viewed.image).abs().max() < 1.5 / 255  # PIL rounds 8-bit images twice


@pytest.mark.parametrize("seed", range(8))
def test_integer_column_that_is_the_mask_follows_it(seed):
    viewed = augmented_view(sample(columns={"mask": sample().labels}), Augmentation(crop=(17, 23)), rng(seed))
    assert np.array_equal(viewed.columns["mask"].numpy(), viewed.labels)


def test_token_grid_column_stays_whole():
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert torch.equal(
        augmented_view(sample(columns={"grid": grid}), Augmentation(), rng()).columns["grid"], torch.from_numpy(grid)
    )


@pytest.mark.parametrize("seed", range(8))
def test_crop_before_resize_equals_resize_before_crop(seed):
    image = random_image(40, 50)
    window = draw_window(image.shape, Augmentation(crop=(12, 14)), rng(seed))
    resized = np.asarray(Image.fromarray(image).resize(window.size[::-1], Image.Resampling.BILINEAR))
    expected = resized[window.top :, window.left :][:12, :14].astype(np.float32) / 255
    np.testing.assert_allclose(_smooth(image, window)[: len(expected)], expected, atol=1.01 / 255)


def test_labels_follow_the_image_through_a_scaled_crop():
    labels = np.zeros((30, 30), np.uint8)
    labels[10:20, 5:25] = 1
    viewed = augmented_view(
        Sample("x", np.stack([labels * 255] * 3, 2), labels), Augmentation(crop=(24, 24), scale=(2, 2)), rng(1)
    )
    assert ((viewed.image[0].numpy() > 0.5) == (viewed.labels == 1)).mean() > 0.98


def test_sixteen_scales_are_those_of_cirkd():
    heights = {draw_window((100, 100), Augmentation(), rng(seed)).size[0] for seed in range(400)}
    assert heights == {50 + 10 * k for k in range(16)}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 800), (800, 4)])
def test_extreme_images_give_full_views(height, width):
    for seed in range(10):
        viewed = augmented_view(
            sample(height, width), Augmentation(crop=(8, 8), scale=(0.01, 2), scale_steps=0), rng(seed)
        )
        assert viewed.image.shape == (3, 8, 8)
        assert viewed.valid.any()


def test_image_without_mask_still_knows_its_padding():
    viewed = augmented_view(Sample("x", random_image(4, 4), None), Augmentation(crop=(8, 8), scale=(1, 1)), rng())
    assert viewed.labels is None
    assert viewed.valid.sum() == 16


def test_window_says_where_it_lies_as_fractions():
    assert CropWindow((10, 10), (20, 40), 5, 10, (10, 10)).box == (0.25, 0.25, 0.75, 0.5)


def test_jitter_is_off_by_default_and_keeps_labels():
    plain, coloured = (
        augmented_view(sample(), Augmentation(crop=(9, 9), jitter=j), rng(4))
        for j in (ColourJitter(), ColourJitter(0.5, 0.5))
    )
    assert np.array_equal(plain.labels, coloured.labels)
    assert not torch.equal(plain.image, coloured.image)


def test_hue_turns_leave_grey_alone_and_a_full_turn_everything():
    np.testing.assert_allclose(hue_matrix(0.3) @ np.ones(3), np.ones(3), atol=1e-5)
    np.testing.assert_allclose(hue_matrix(1.0), np.eye(3), atol=1e-12)


def test_jittered_colours_stay_in_range():
    image = rng().random((9, 9, 3)).astype(np.float32)
    moved = jitter_colours(image, ColourJitter(1, 1, 1, 0.5), rng(2))
    assert moved.min() >= 0
    assert moved.max() <= 1


@pytest.mark.parametrize("wrong", [{"crop": (0, 4)}, {"scale": (2, 1)}, {"flip": 1.5}, {"scale_steps": -1}])
def test_impossible_augmentations_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Augmentation(**wrong)
