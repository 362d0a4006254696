"""Images in the dark beside the same images in the light."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seglet.data.augment.geometry import Augmentation, augmented_view
from seglet.data.dark.views import DarkViews
from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import ENHANCERS
from seglet.data.errors import DataError
from seglet.data.loading.dark_light_pairs import BrightenedDataset, DarkLightDataset, shift_number
from seglet.data.opening import open_dataset
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import resolve_experiment
from seglet.values import ConfigError


class Images(Dataset):
    """Images of one grey, by name."""

    def __init__(self, names, grey, size=(4, 6)):
        self.ids, self.grey, self.size = tuple(names), grey, size
        self.classes, self.fingerprint = WORLD_CLASSES, f"{names} {grey}"

    def read(self, index):
        return Sample(self.ids[index], np.full((*self.size, 3), self.grey, np.uint8), None, ())


def test_partners_are_found_by_name_whatever_their_order():
    pairs = DarkLightDataset(Images(["a", "b"], 10), Images(["b", "x", "a"], 200))
    sample = pairs.read(1)
    assert (sample.id, sample.image[0, 0, 0], sample.columns["light"][0, 0, 0]) == ("b", 10, 200)
    assert sample.kinds["light"] == "image"


def test_names_of_lis_differ_by_one():
    pairs = DarkLightDataset(Images(["2", "4"], 10), Images(["1", "3"], 200), offset=-1)
    assert pairs.read(0).columns["light"][0, 0, 0] == 200
    assert [shift_number(name, -1) for name in ("img_0010", "7.a", "none", "100")] == ["img_0009", "6.a", "none", "99"]


def test_a_darkened_image_in_the_folder_of_its_split_finds_the_one_outside():
    assert DarkLightDataset(Images(["train/a"], 10), Images(["a"], 200)).read(0).id == "train/a"


def lights(dark, light, offset=0):
    """Returns the indices of the light images that dark ones get."""
    pairs = DarkLightDataset(Images(dark, 10), Images(light, 200), offset)
    return [pairs.light.ids[place] for place in pairs.partners]


def test_folders_count_where_names_repeat():
    assert lights(["cam2/0", "cam1/0"], ["cam1/0", "cam2/0"]) == ["cam2/0", "cam1/0"]
    assert lights(["cam2/2", "cam1/2"], ["cam1/1", "cam2/1"], offset=-1) == ["cam2/1", "cam1/1"]
    acdc = ["night/train/GOPR0351/GOPR0351_frame_000159"], ["night/train_ref/GOPR0351/GOPR0351_frame_000159"]
    assert lights(*acdc) == acdc[1]
    assert lights(["night/cam1/0", "night/5"], ["cam1/0", "cam2/0", "day/5"]) == ["cam1/0", "day/5"]


@pytest.mark.parametrize(
    ("dark", "light"), [(["0"], ["cam1/0", "cam2/0"]), (["cam1/0", "cam2/0"], ["0"]), (["cam1/0"], ["cam2/0", "0x/0"])]
)
def test_no_image_gets_the_partner_of_another(dark, light):
    with pytest.raises(DataError, match=r"dark images have no light image, .* names must agree with their folders"):
        lights(dark, light)


def test_images_without_partner_are_named():
    with pytest.raises(DataError, match=r"2 of 3 dark images have no light image, such as 'b'"):
        DarkLightDataset(Images(["a", "b", "c"], 10), Images(["a"], 200))


def test_the_world_may_do_without_its_light_scenes():
    keys = {"method": "dgkd", "light": "brightened", "brighten": "equalise", "world_scenes": 2}
    sets = open_datasets((experiment := resolve_experiment(None, keys)).settings, experiment.config)
    sample, dark = sets["train"].read(0), World("train", scenes=2, dark=True).read(0).image
    np.testing.assert_array_equal(sample.image, dark)
    np.testing.assert_array_equal(sample.columns["light"], ENHANCERS["equalise"](dark))


def test_pairs_of_different_sizes_are_refused():
    pairs = DarkLightDataset(Images(["a"], 10), Images(["a"], 200, size=(4, 5)))
    with pytest.raises(DataError, match=r"dark image 'a' is 6x4, its light image 'a' 5x4.* crop or resize"):
        pairs.read(0)


def test_the_same_data_are_no_pair():
    with pytest.raises(DataError, match="same data set; name the dark ones"):
        DarkLightDataset(Images(["a"], 10), Images(["a"], 10))


def test_a_pair_is_another_one_with_another_light():
    dark = Images(["a"], 10)
    first, second = (DarkLightDataset(dark, Images(["a"], grey)).fingerprint for grey in (200, 201))
    assert first != second
    assert DarkLightDataset(dark, Images(["a"], 200)).identity(0) == dark.identity(0)


@pytest.mark.parametrize("how", ["clahe", "equalise", "gamma", "retinex"])
def test_without_pairs_the_image_itself_is_brightened(how):
    dark = World("train", scenes=1, size=32, dark=True)
    sample = BrightenedDataset(dark, how).read(0)
    assert sample.columns["light"].mean() > sample.image.mean()
    black = replace(sample, image=np.zeros_like(sample.image))
    assert np.isfinite(BrightenedDataset(Images(["a"], 0), how).read(0).columns["light"]).all()
    assert black.image.shape == sample.columns["light"].shape


def test_the_world_at_night_shows_the_same_scenes():
    day, night = World("val", scenes=2, size=32), World("val", scenes=2, size=32, dark=True)
    np.testing.assert_array_equal(night.read(1).labels, day.read(1).labels)
    np.testing.assert_array_equal(night.read(1).image, day.scene(1).dark)
    assert night.fingerprint != day.fingerprint
    assert night.identity(0) != day.identity(0)
    assert open_dataset("world:dark=1,scenes=2,size=32", "val").fingerprint == night.fingerprint
    with pytest.raises(DataError, match="got dark=2"):
        open_dataset("world:dark=2", "val")


@pytest.fixture
def lis(tmp_path):
    """LIS as its authors arranged it, a pair to train on and one to test on."""
    for split, number in (("train", 2), ("test", 4)):
        for kind, name, grey in (("RGB-dark", f"{number}.JPG", 20), ("RGB-normal", f"{number - 1}.png", 200)):
            home = tmp_path / kind / split / "imgs"
            home.mkdir(parents=True)
            form = "JPEG" if name.endswith("JPG") else "PNG"
            Image.fromarray(np.full((8, 9, 3), grey, np.uint8)).save(home / name, form)
        masks = tmp_path / "RGB-dark" / split / "masks"
        masks.mkdir()
        Image.fromarray(np.full((8, 9), 3, np.uint8)).save(masks / f"{number}.png")
    (tmp_path / "RGB-dark" / "classes.txt").write_text("0 background\n3 motorbike\n")
    return tmp_path


def test_lis_is_read_as_it_is(lis):
    keys = {"data": str(lis / "RGB-dark"), "light": str(lis / "RGB-normal"), "light_offset": -1, "val_split": "test"}
    experiment = resolve_experiment(None, {"method": "dgkd", **keys})
    sets = open_datasets(experiment.settings, experiment.config)
    sample = sets["train"].read(0)
    assert (sample.id, sample.tags, sample.columns["light"].min()) == ("2", (1,), 200)
    assert sets["test"].read(0).image.max() < 30


def test_dark_images_without_light_images_are_brightened(lis):
    experiment = resolve_experiment(
        None, {"method": "dgkd", "data": str(lis / "RGB-dark"), "val_split": "test", "brighten": "gamma"}
    )
    sample = open_datasets(experiment.settings, experiment.config)["train"].read(0)
    assert sample.columns["light"].mean() > 2 * sample.image.mean()


def self_lit(**keys):
    values = {"method": "dgkd", "light": "self", "distil": "none", "fusion": "none", "dark": "night", **keys}
    return resolve_experiment(None, {**values, "world_scenes": 100, "world_size": 24})


def test_light_images_are_their_own_partners_and_only_the_views_are_dark():
    experiment = self_lit(dark_share=1.0)
    sets = open_datasets(experiment.settings, experiment.config)
    sample = sets["train"].read(0)
    np.testing.assert_array_equal(sample.image, sample.columns["light"])
    np.testing.assert_array_equal(sample.image, World("train", scenes=100, size=24).read(0).image)
    augment = Augmentation((24, 24), (1.0, 1.0), flip=0.0, dark=DarkViews("night", 1.0))
    first, second = (augmented_view(sample, augment, np.random.default_rng(seed)) for seed in (0, 1))
    light = sample.image.transpose(2, 0, 1) / 255
    for view in (first, second):
        np.testing.assert_allclose(view.columns["light"], light, atol=1e-6)
        assert view.image.mean() < 0.6 * light.mean()
    assert (first.image - second.image).abs().mean() > 1e-3  # another night, with noise of its own


def test_validation_images_of_light_data_are_darkened_once():
    experiment = self_lit()
    scored, again = (open_datasets(experiment.settings, experiment.config)["val"] for _ in range(2))
    light = World("val", scenes=100, size=24)
    assert scored.read(0).image.mean() < 0.6 * light.read(0).image.mean()
    np.testing.assert_array_equal(scored.read(0).image, again.read(0).image)
    np.testing.assert_array_equal(scored.read(0).labels, light.read(0).labels)
    experiment = self_lit(dark="none")
    with pytest.raises(ConfigError, match=r"light: self takes light images.* --dark night"):
        open_datasets(experiment.settings, experiment.config)


def test_pairs_of_files_are_compared_in_size_before_training(tmp_path):
    for home, sizes in (
        ("dark", {"a": (8, 6), "b": (8, 6), "c": (4, 4)}),
        ("light", {"a": (8, 6), "b": (6, 8), "c": (5, 4)}),
    ):
        for name, size in sizes.items():
            (tmp_path / home / "images").mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (len(home), 0, 0)).save(tmp_path / home / "images" / f"{name}.png")
        (tmp_path / home / "classes.txt").write_text("background\ncat\n")
    dark, light = (open_dataset(str(tmp_path / home), "all") for home in ("dark", "light"))
    with pytest.raises(
        DataError, match=r"2 of 3 pairs do not have one size: 'b' is 8x6, its light image 'b' 6x8; 'c' is"
    ):
        DarkLightDataset(dark, light).check_sizes()
    DarkLightDataset(Images(["a"], 1), Images(["a"], 2)).check_sizes()  # not of files: nothing to read before
