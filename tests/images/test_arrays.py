"""Files of numbers are read by their headers first, and whole or not at all."""

import io
import os
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from seglet.files import DataError
from seglet.images import read_array

RAMP = np.arange(6, dtype=np.float32).reshape(2, 3)


def allow(shape, kind):
    assert shape
    assert kind.kind in "biuf"


def refuse_large(shape, kind):
    if np.prod(shape) > 100:
        raise DataError("too large")


def header(shape, descr="<f4"):
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def test_arrays_are_read_as_they_were_saved(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    np.save(tmp_path / "columns.npy", np.asfortranarray(RAMP))
    np.savez_compressed(tmp_path / "a.npz", RAMP)
    np.savez(tmp_path / "two.npz", wanted=RAMP, other=RAMP[:1])
    for name in ("a.npy", "columns.npy", "a.npz", "two.npz"):
        np.testing.assert_array_equal(read_array(tmp_path / name, allow, "wanted"), RAMP)


@pytest.mark.parametrize(("scale", "kind"), [(b"-1.0", "<f4"), (b"1.0", ">f4")])
def test_a_portable_float_map_begins_with_its_last_row(scale, kind, tmp_path):
    (tmp_path / "a.pfm").write_bytes(b"Pf\n3 2\n" + scale + b"\n" + RAMP[::-1].astype(kind).tobytes())
    np.testing.assert_array_equal(read_array(tmp_path / "a.pfm", allow), RAMP)


def test_a_header_of_more_than_there_is_takes_no_memory(tmp_path):
    (tmp_path / "a.npy").write_bytes(header((100_000, 100_000)))
    with pytest.raises(DataError, match="too large"):
        read_array(tmp_path / "a.npy", refuse_large)
    with pytest.raises(DataError, match=r"says to hold \[100000, 100000\] float32, 40000000000 bytes, and has 0"):
        read_array(tmp_path / "a.npy", allow)
    (tmp_path / "a.pfm").write_bytes(b"PF\n99999 99999\n-1\n")
    with pytest.raises(DataError, match="says to hold 99999x99999 floats, 119997600012 bytes, and has 0"):
        read_array(tmp_path / "a.pfm", allow)


def test_an_archive_that_unpacks_to_far_more_is_refused_by_its_header(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scores.npy", header((1000, 1000)) + bytes(4_000_000))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    with pytest.raises(DataError, match="too large"):
        read_array(tmp_path / "a.npz", refuse_large)


def test_code_and_other_files_are_no_numbers(tmp_path):
    np.save(tmp_path / "code.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="holds object, expected numbers"):
        read_array(tmp_path / "code.npy", allow)
    for name in ("text.npy", "text.npz", "text.pfm"):
        (tmp_path / name).write_text("no numbers")
        with pytest.raises(DataError, match=r"no file of numbers|no portable float map"):
            read_array(tmp_path / name, allow)
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(DataError, match="not a regular file"):
        read_array(tmp_path / "pipe.npy", allow)
