"""`seglet predict` of a video and of a folder of frames."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Call

from seglet.data.world.dataset import World
from seglet.images import read_mask
from seglet.images.video import read_frames, video_facts, write_video

pytest.importorskip("av", reason="the extra seglet[video] is not installed")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Six scenes of 48 x 48, each for two frames, at 10 frames a second."""
    scenes = World("val", scenes=6, size=48)
    frames = [np.asarray(scenes.read(index // 2).image) for index in range(12)]
    write_video(tmp_path / "film.mp4", frames, Fraction(10))
    return tmp_path / "film.mp4"


def record(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "predictions.json").read_text())
    return found


def test_a_video_becomes_a_mask_a_frame_and_a_video_as_long(
    seglet: Call, model: Path, film: Path, tmp_path: Path
) -> None:
    assert seglet("predict", model, film, "--out", tmp_path / "out").code == 0
    assert len(list((tmp_path / "out" / "masks" / "film").glob("*.png"))) == 12
    made = video_facts(tmp_path / "out" / "film.mp4")
    assert (made.frames, made.rate) == (12, 10)
    assert next(read_frames(tmp_path / "out" / "film.mp4", 10**6)).shape == (48, 48, 3)


def test_smoothing_lets_fewer_pixels_change(seglet: Call, model: Path, film: Path, tmp_path: Path) -> None:
    for name, smooth in (("sharp", 0), ("smooth", 0.8)):
        assert seglet("predict", model, film, "--out", tmp_path / name, "--smooth", smooth).code == 0
    assert record(tmp_path / "smooth")["changed"] < record(tmp_path / "sharp")["changed"]


def test_frames_of_a_folder_are_predicted_as_images_are(
    seglet: Call, model: Path, images: Path, tmp_path: Path
) -> None:
    frames = images / "images" / "val"
    assert seglet("predict", model, frames, "--video", "--fps", 5, "--out", tmp_path / "film").code == 0
    assert seglet("predict", model, frames, "--out", tmp_path / "images_out").code == 0
    film, alone = (read_mask(tmp_path / name) for name in ("film/masks/val/000001.png", "images_out/masks/val0.png"))
    np.testing.assert_array_equal(film, alone)
    assert video_facts(tmp_path / "film" / "val.mp4").rate == 5


def test_a_video_that_is_cut_short_keeps_the_frames_before(
    seglet: Call, model: Path, film: Path, tmp_path: Path
) -> None:
    content = film.read_bytes()
    head = content.index(b"mdat")
    middle = head + (content.index(b"moov") - head) // 2 if b"moov" in content[head:] else len(content) // 2
    film.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    done = seglet("predict", model, film, "--out", tmp_path / "out")
    assert done.code in (0, 2)
    assert "Traceback" not in done.err
    assert len(list((tmp_path / "out" / "masks" / "film").glob("*.png"))) == record(tmp_path / "out")["frames"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--samples", 3], "--samples: not of videos"),
        (["--smooth", 1.5], "from 0 to 1"),
        (["--fps", 0, "--video"], "rate"),
    ],
)
def test_what_videos_cannot_have_is_refused(
    seglet: Call, model: Path, film: Path, tmp_path: Path, words: list[object], message: str
) -> None:
    done = seglet("predict", model, film, "--out", tmp_path / "out", *words)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out" / "masks").exists()


def test_no_video_is_a_clear_error(seglet: Call, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("#EXTM3U\nhttp://example.org/a.ts\n")
    done = seglet("predict", model, tmp_path / "text.mp4", "--out", tmp_path / "out")
    assert done.code == 2
    assert "cannot be read as a video" in done.err
