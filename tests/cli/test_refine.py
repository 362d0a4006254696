"""`seglet refine`."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.disk import mask, text, write_image

from seglet.images import read_image, read_mask
from seglet.inference.score_maps import read_scores
from seglet.labels.refine.crf import dense_crf, soft_labels
from seglet.labels.refine.crf_settings import LABELS_CRF, CRFSettings
from seglet.labels.refine.pixel_adaptive import pamr, par

SIZE = (6, 8)


def as_images(path: Path) -> torch.Tensor:
    return torch.from_numpy(read_image(path)).permute(2, 0, 1)[None].float() / 255


def scores(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """Probabilities of two classes."""
    drawn = np.random.default_rng(seed).random((2, *size), np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, drawn / drawn.sum(0))
    return path


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Three score maps, their images, and a class table beside them."""
    for number in range(3):
        write_image(tmp_path / "images" / f"sub/{number}.png", shade=number)
        scores(tmp_path / "maps" / f"sub/{number}.npy", seed=number)
    text(tmp_path / "classes.txt", "0 background", "1 cat 255 0 0")
    return tmp_path


def words(maps: Path, *more: object, given: str = "maps") -> tuple[object, ...]:
    folders = (maps / given, "--images", maps / "images", "--out", maps / "out")
    return ("refine", *folders, "--jobs", 1, *more)


REFINERS = {
    "pamr": pamr,
    "par": par,
    "crf": lambda maps, images, steps: dense_crf(maps, images, CRFSettings(iterations=steps)),
}


@pytest.mark.parametrize("name", REFINERS)
def test_score_maps_become_what_the_refiner_makes_of_them(name, maps, seglet):
    done = seglet(*words(maps, "--refiner", name, "--steps", 3, "--scores"))
    assert done.code == 0, done.err
    given = torch.from_numpy(np.load(maps / "maps/sub/1.npy"))[None]
    expected = REFINERS[name](given, as_images(maps / "images/sub/1.png"), steps=3)[0]
    np.testing.assert_array_equal(read_mask(maps / "out/masks/sub/1.png"), expected.argmax(0))
    np.testing.assert_allclose(read_scores(maps / "out/scores/sub/1.npz", 2), expected / expected.sum(0), atol=1e-3)


def test_masks_are_softened_for_a_crf(maps, seglet):
    mask(maps / "masks/sub/0.png", 0, 1, 255, 1)
    assert seglet(*words(maps, "--refiner", "crf", given="masks")).code == 0
    labels = torch.from_numpy(read_mask(maps / "masks/sub/0.png"))[None]
    expected = dense_crf(soft_labels(labels, 2, 0.7), as_images(maps / "images/sub/0.png"), LABELS_CRF)
    np.testing.assert_array_equal(read_mask(maps / "out/masks/sub/0.png"), expected[0].argmax(0))


def test_values_of_masks_are_numbered_as_in_the_class_table(maps, seglet):
    mask(maps / "masks/sub/0.png", 7, 7)
    text(maps / "classes.txt", "0 road", "7 car", "9 void")
    assert seglet(*words(maps, "--steps", 1, given="masks")).code == 0
    assert set(read_mask(maps / "out/masks/sub/0.png").flat) == {1}
    assert (maps / "out/classes.txt").read_text().splitlines()[1].startswith("1 car ")


def test_what_predict_writes_can_be_refined(model, images, seglet, tmp_path):
    assert seglet("predict", model, images / "images/val", "--out", tmp_path / "p").code == 0
    done = seglet("refine", tmp_path / "p", "--images", images / "images/val", "--out", tmp_path / "r", "--jobs", 1)
    assert done.code == 0
    assert sorted(path.name for path in (tmp_path / "r/masks").iterdir()) == ["val0.png", "val1.png"]


def test_every_bad_file_is_listed_and_the_others_are_done(maps, seglet):
    scores(maps / "maps/lost.npy")
    scores(maps / "maps/sub/0.npy", size=(3, 8))
    (maps / "maps/sub/1.npy").write_bytes(b"no array")
    done = seglet(*words(maps, "--json"))
    record = json.loads(done.out)
    reasons = {Path(failure["file"]).name: failure["reason"] for failure in record["failed"]}
    assert done.code == 2
    assert [made["mask"] for made in record["files"]] == ["masks/sub/2.png"]
    assert "no image 'lost'" in reasons["lost.npy"]
    assert "is 8x3, its image 8x6" in reasons["0.npy"]
    assert "is no file of numbers" in reasons["1.npy"]


def test_what_is_finished_is_not_done_again(maps, seglet):
    assert seglet(*words(maps)).code == 0
    (maps / "out/masks/sub/1.png").unlink()
    before = (maps / "out/masks/sub/0.png").stat().st_mtime_ns
    done = seglet(*words(maps))
    assert "refined: 1, finished before: 2, failed: 0" in done.out
    assert (maps / "out/masks/sub/0.png").stat().st_mtime_ns == before


def test_a_map_that_changed_is_refined_again_whatever_its_time(maps, seglet):
    assert seglet(*words(maps)).code == 0
    os.utime(scores(maps / "maps/sub/2.npy", seed=9), (1, 1))  # as an older file that was copied over it
    assert "refined: 1, finished before: 2" in seglet(*words(maps)).out
    os.utime(maps / "maps/sub/2.npy")  # the same content
    assert "refined: 0, finished before: 3" in seglet(*words(maps)).out


def test_results_of_other_settings_are_not_mixed(maps, seglet):
    assert seglet(*words(maps)).code == 0
    other = seglet(*words(maps, "--steps", 2))
    assert other.code == 2
    assert "steps was 10, is 2" in other.err
    assert "refined: 3" in seglet(*words(maps, "--steps", 2, "--overwrite")).out


def test_other_files_are_never_written_over(maps, seglet):
    mask(maps / "out/masks/sub/0.png", 1)
    assert "holds other files" in seglet(*words(maps)).err


def test_remains_of_an_interrupted_write_are_removed(maps, seglet):
    (maps / "out/masks/sub").mkdir(parents=True)
    (maps / "out/masks/sub/.partial-1-0.png").write_bytes(b"half")
    seglet(*words(maps, "--overwrite"))
    (maps / "out/refinements.json").write_text('{"settings": null}')
    assert seglet(*words(maps, "--overwrite")).code == 0
    assert not list((maps / "out").rglob(".partial-*"))


def test_processes_do_the_same(maps, seglet):
    assert seglet(*words(maps)).code == 0
    alone = read_mask(maps / "out/masks/sub/2.png")
    done = seglet(*words(maps, "--jobs", 2, "--overwrite"))
    assert "refined: 3" in done.out
    assert "refine: 3/3 files" in done.err
    np.testing.assert_array_equal(read_mask(maps / "out/masks/sub/2.png"), alone)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--crf-settings", "ssss"], "--refiner crf"),
        (["--refiner", "crf2"], "invalid choice"),
        (["--jobs", 0], "--jobs"),
    ],
)
def test_options_that_make_no_sense_are_refused(more, message, maps, seglet):
    done = seglet(*words(maps, *more))
    assert done.code == 2
    assert message in done.err


def test_classes_have_to_be_known(maps, seglet):
    (maps / "classes.txt").unlink()
    assert "--classes FILE" in seglet(*words(maps)).err
    text(maps / "mine.txt", "0 a", "1 b")
    assert seglet(*words(maps, "--classes", maps / "mine.txt")).code == 0
