"""DICOM as an image: windows, inversion and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

from seglet.files import DataError
from seglet.images import image_size, read_image

pydicom = pytest.importorskip("pydicom", reason="the extra seglet[dicom] is not installed")


def write(path: Path, stored: list[int], **tags: object) -> Path:
    """Writes a row of pixels of 16 bits as DICOM."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel = 1, len(stored), 1
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = np.array(stored, np.int16).tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def greys(path: Path) -> list[int]:
    image = read_image(path)
    assert (image[..., 0] == image[..., 2]).all()
    return [int(value) for value in image[0, :, 0]]


def test_greys_follow_the_window_of_the_file_in_its_quantities(tmp_path):
    window = {"WindowCenter": [100.5, 0], "WindowWidth": [201, 1], "RescaleSlope": 2, "RescaleIntercept": -1000}
    file = write(tmp_path / "ct.dcm", [400, 500, 540, 550, 600, 900], **window)  # -200, 0, 80, 100, 200, 800 units
    assert greys(file) == [0, 0, 102, 128, 255, 255]  # from 0 to 200 units
    assert image_size(file) == (1, 6)


def test_without_a_window_greys_reach_from_the_smallest_to_the_largest_value_without_padding(tmp_path):
    assert greys(write(tmp_path / "a.dcm", [-2000, 0, 5, 10], PixelPaddingValue=-2000)) == [0, 0, 128, 255]
    assert greys(write(tmp_path / "b.dcm", [0, 10], PhotometricInterpretation="MONOCHROME1")) == [255, 0]


def test_damaged_files_and_files_without_an_image_are_refused_with_a_reason(tmp_path):
    whole = write(tmp_path / "a.dcm", [1, 2, 3, 4]).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:-5])
    with pytest.raises(DataError, match="cannot be read as DICOM"):
        read_image(tmp_path / "cut.dcm")
    with pytest.raises(DataError, match="beyond the limit of 3 pixels"):
        read_image(tmp_path / "a.dcm", max_pixels=3)


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    file = write(tmp_path / "a.dcm", [1, 2])
    monkeypatch.setitem(sys.modules, "pydicom.errors", None)
    with pytest.raises(DataError, match=r"pip install 'seglet\[dicom\]'"):
        read_image(file)
