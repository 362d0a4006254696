import numpy as np
import pytest
from tests.data.disk import mask, pairs, text, write_image
from tests.data.toys import Toys, sample

from seglet.data.checking.check import check_dataset
from seglet.data.description_files import DESCRIPTION_FILE
from seglet.data.errors import DataError
from seglet.data.folder_dataset import FolderDataset
from seglet.data.loading.wrapped_datasets import CachedDataset
from seglet.data.opening import open_dataset
from seglet.data.splits.divide import divide_split
from seglet.data.world.dataset import World


def test_a_sample_has_what_lies_on_disk(tmp_path):
    sample = open_dataset(str(pairs(tmp_path)), "all").read(1)
    assert (sample.id, sample.image.shape, sample.tags) == ("1", (6, 8, 3), (0, 1))
    assert sample.labels.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]] * 6


def test_a_data_set_is_indexed_and_iterated_over_like_a_list(tmp_path):
    data = open_dataset(pairs(tmp_path), "all")
    assert [sample.id for sample in data] == ["0", "1"]
    assert [data[index].id for index in (0, 1, -1, -2, np.int64(1))] == ["0", "1", "1", "0", "1"]


@pytest.mark.parametrize("index", [2, -3])
def test_indices_beyond_either_end_say_how_many_there_are(tmp_path, index):
    data = open_dataset(pairs(tmp_path), "all")
    with pytest.raises(IndexError, match=f"sample {index} of 2; indices go from -2 to 1"):
        data[index]


def test_the_world_is_indexed_from_its_end_as_well():
    data = World("val", scenes=2**40, size=16)
    assert data[-1].id == f"val-{2**40 - 1:06d}"
    assert np.array_equal(data[-1].image, data.read(2**40 - 1).image)
    with pytest.raises(IndexError, match=f"sample {2**40}"):
        data[2**40]


def test_every_loop_over_a_data_set_begins_at_the_first_sample():
    toys = Toys([sample(seed=seed) for seed in range(3)])
    assert [[item.id for item in toys] for _ in range(2)] == [["toy0", "toy1", "toy2"]] * 2
    assert toys.reads == [2, 2, 2]


def test_a_data_set_shows_its_source_size_and_classes(tmp_path):
    folder = open_dataset(pairs(tmp_path), "all")
    assert repr(folder) == f"FolderDataset({str(tmp_path)!r}, 2 samples, 2 classes (class_0, class_1))"
    assert (
        repr(CachedDataset(folder, 0)) == f"CachedDataset({str(tmp_path)!r}, 2 samples, 2 classes (class_0, class_1))"
    )
    assert repr(World("val", 1, 16)) == "World('val', 1 sample, 11 classes (background, ball, box, tent, …))"
    assert repr(Toys([])) == "Toys(0 samples, 3 classes (ground, thing, other))"


def test_images_and_masks_shrink_together(tmp_path):
    sample = open_dataset(str(pairs(tmp_path)), "all", resize=0.5).read(0)
    full = open_dataset(str(tmp_path), "all").read(0)
    assert sample.labels.tolist() == [[0, 0, 1, 1]] * 3
    assert abs(sample.image[0, 0] - full.image[:2, :2].mean((0, 1))).max() < 1


def test_nothing_shrinks_below_a_pixel(tmp_path):
    write_image(tmp_path / "images" / "a.png", size=(1, 80))
    assert open_dataset(str(tmp_path), "all", resize=0.1).read(0).image.shape == (1, 8, 3)


@pytest.mark.parametrize("resize", [0.0, -1.0, 17.0, float("nan")])
def test_a_size_that_cannot_be_is_refused(tmp_path, resize):
    with pytest.raises(DataError, match="resize"):
        open_dataset(str(pairs(tmp_path)), "all", resize=resize)


def test_the_fingerprint_is_known_without_reading_an_image(tmp_path):
    check_dataset(pairs(tmp_path)).description.save(tmp_path / DESCRIPTION_FILE)
    before = open_dataset(str(tmp_path), "all").fingerprint
    (tmp_path / "images" / "0.png").unlink()
    assert open_dataset(str(tmp_path), "all").fingerprint == before


def test_the_fingerprint_follows_content_and_size(tmp_path):
    first = open_dataset(str(pairs(tmp_path)), "all").fingerprint
    half = open_dataset(str(tmp_path), "all", resize=0.5).fingerprint
    mask(tmp_path / "masks" / "0.png", 1, 0)
    assert len({first, half, open_dataset(str(tmp_path), "all").fingerprint}) == 3


def test_a_file_that_changed_since_the_check_is_refused(tmp_path):
    check_dataset(pairs(tmp_path)).description.save(tmp_path / DESCRIPTION_FILE)
    mask(tmp_path / "masks" / "0.png", 1, 0)
    with pytest.raises(DataError, match=r"masks/0\.png' changed since the data were checked"):
        open_dataset(str(tmp_path), "all").read(0)


def test_a_description_anywhere_opens_its_data(tmp_path):
    check_dataset(pairs(tmp_path / "data")).description.save(tmp_path / "mine.json")
    assert open_dataset(str(tmp_path / "mine.json"), "all").ids == ("0", "1")


def test_a_folder_with_problems_does_not_open(tmp_path):
    mask(pairs(tmp_path) / "masks" / "0.png", 0, 77)
    text(tmp_path / "classes.txt", "road", "car")
    with pytest.raises(DataError, match=r"masks/0\.png.*77"):
        open_dataset(str(tmp_path), "all")


def test_the_embedded_world_takes_options():
    world = open_dataset("world:scenes=3,size=32", "val")
    assert (len(world), world.read(0).image.shape) == (3, (32, 32, 3))


@pytest.mark.parametrize("data", ["world:scenes", "world:scenes=many", "world:scenes="])
def test_a_world_option_without_a_number_is_refused(data):
    with pytest.raises(DataError, match="name="):
        open_dataset(data, "val")


def test_the_embedded_world_takes_options_of_its_difficulty():
    plain, crowded = (open_dataset(f"world:scenes=3{knobs}", "val") for knobs in ("", ",one=0,two=0.0,clutter=9"))
    assert crowded.fingerprint != plain.fingerprint
    assert all(len(crowded.scene(place).plan.objects) == 3 for place in range(3))


def test_an_option_out_of_range_says_what_is_expected():
    with pytest.raises(DataError, match=r"world:co_occurrence=2.*probabilities in \[0, 1\]"):
        open_dataset("world:co_occurrence=2", "val")


def test_a_wrong_split_names_the_right_one(tmp_path):
    pairs(tmp_path, "train")
    with pytest.raises(DataError, match="did you mean 'train'"):
        open_dataset(str(tmp_path), "trian")


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="no image is left"):
        FolderDataset(check_dataset(pairs(tmp_path)).description, ())


def test_a_mask_of_another_size_is_refused_when_read(tmp_path):
    description = check_dataset(pairs(tmp_path)).description
    item = description.items("all")[0]
    mask(item.mask, 0, 1, size=(3, 4))
    unchecked = FolderDataset(description, (type(item)(item.id, item.image, item.mask),))
    with pytest.raises(DataError, match="is 4x3, its image 8x6"):
        unchecked.read(0)


def test_a_split_is_divided_by_seed_and_id(tmp_path):
    description = check_dataset(pairs(tmp_path, count=8)).description
    divided = divide_split(description, "all", 0.25, ("val", "train"))
    assert (len(divided.items("val")), len(divided.items("train"))) == (2, 6)
    assert set(divided.items("val")) | set(divided.items("train")) == set(description.items("all"))
    draws = {
        tuple(item.id for item in divide_split(description, "all", 0.25, ("a", "b"), seed).items("a"))
        for seed in range(9)
    }
    assert len(draws) > 3


def test_what_is_called_unlabelled_loses_its_masks(tmp_path):
    description = check_dataset(pairs(tmp_path)).description
    divided = divide_split(description, "all", 0.5, ("labelled", "unlabelled"))
    assert divided.items("labelled")[0].mask is not None
    assert divided.items("unlabelled")[0].mask is None


@pytest.mark.parametrize("fraction", [0.0, 1.0, float("nan")])
def test_a_part_is_neither_empty_nor_everything(tmp_path, fraction):
    with pytest.raises(DataError, match="cannot take"):
        divide_split(check_dataset(pairs(tmp_path)).description, "all", fraction, ("a", "b"))


def test_tags_leave_void_out(tmp_path):
    mask(pairs(tmp_path) / "masks" / "0.png", 1, 255)
    sample = open_dataset(str(tmp_path), "all").read(0)
    assert sample.tags == (1,)
    assert np.unique(sample.labels).tolist() == [1, 255]


def test_a_data_set_in_one_piece_says_how_to_divide_it(tmp_path):
    with pytest.raises(DataError, match="--val"):
        open_dataset(str(pairs(tmp_path)), "train")
