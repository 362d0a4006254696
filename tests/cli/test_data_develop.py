"""`seglet data develop`."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from seglet.images import read_image

DARK = np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 257


class FakeRaw:
    """An opened raw file."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def postprocess(self, output_bps, **options):
        assert options == {"use_camera_wb": True, "no_auto_bright": True, "gamma": (2.4, 12.92)}
        return DARK if output_bps == 16 else (DARK // 257).astype(np.uint8)


class FakeLibRawError(Exception):
    """LibRaw's error."""


def imread(path):
    if "torn" in path:
        raise FakeLibRawError(b"Unsupported file format")
    return FakeRaw()


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", SimpleNamespace(imread=imread, LibRawError=FakeLibRawError))
    for name in ("night/a.NEF", "night/torn.cr2"):
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(b"raw")
    return tmp_path / "raw"


@pytest.mark.parametrize("bits", ["8", "16"])
def test_raw_files_become_images_as_dark_as_they_were(bits, raw, tmp_path, seglet):
    done = seglet("data", "develop", raw, "--out", tmp_path / "out", "--bits", bits)
    assert done.code == 2
    assert "developed: 1, there before: 0, failed: 1" in done.out
    assert "torn.cr2' cannot be developed (Unsupported file format)" in done.out
    np.testing.assert_array_equal(read_image(tmp_path / "out/night/a.png"), DARK // 257)
    assert "there before: 1" in seglet("data", "develop", raw, "--out", tmp_path / "out", "--bits", bits).out


def test_without_rawpy_the_extra_is_named(raw, tmp_path, monkeypatch, seglet):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    assert 'pip install "seglet[raw]"' in seglet("data", "develop", raw, "--out", tmp_path / "out").err


def test_a_folder_without_raw_files_is_refused(tmp_path, seglet):
    assert "no raw files in" in seglet("data", "develop", tmp_path, "--out", tmp_path / "out").err
