"""`seglet predict --tile`: large images, where they lie on Earth, and what happens when something goes wrong."""

import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Call

from seglet.data.world.dataset import World

rasterio = pytest.importorskip("rasterio", reason="the extra seglet[geo] is not installed")
warnings_of_plain_files = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PLACE = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.5, 0, 500000, 0, -0.5, 5300000)}


def write(path: Path, values: np.ndarray, **options: object) -> Path:
    """Writes an array [h, w, c] as a GeoTIFF."""
    height, width, count = values.shape
    size = {"height": height, "width": width, "count": count, "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", **size, **options) as file:
        file.write(values.transpose(2, 0, 1))
    return path


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """A scene of 70 x 90 in UTM zone 32, whose first 20 columns hold no data."""
    scene = np.maximum(np.asarray(World("val", scenes=1, size=96).read(0).image)[:70, :90], 1)
    scene[:, :20] = 0
    return write(tmp_path / "field.tif", scene, nodata=0, **PLACE)


def test_the_mask_lies_where_the_image_lies_and_is_void_without_data(seglet: Call, model, field, tmp_path):
    assert seglet("predict", model, field, "--tile", 32, "--overlap", 8, "--out", tmp_path / "out").code == 0
    with rasterio.open(tmp_path / "out/masks/field.tif") as mask:
        labels = mask.read(1)
        assert (mask.crs, mask.transform, mask.nodata) == (PLACE["crs"], PLACE["transform"], 255)
        assert (mask.compression.value, mask.block_shapes) == ("DEFLATE", [(256, 256)])
    assert (labels[:, :20] == 255).all()
    assert (labels[:, 20:] < 11).all()


@warnings_of_plain_files
def test_one_tile_gives_what_the_whole_image_gives(seglet: Call, model, images, tmp_path):
    image = images / "images/val/val0.png"
    assert seglet("predict", model, image, "--tile", 32, "--out", tmp_path / "tiles").code == 0
    assert seglet("predict", model, image, "--out", tmp_path / "whole").code == 0
    with (
        rasterio.open(tmp_path / "tiles/masks/val0.tif") as mask,
        rasterio.open(tmp_path / "whole/masks/val0.png") as png,
    ):
        assert mask.crs is None
        np.testing.assert_array_equal(mask.read(1), png.read(1))


def test_polygons_lie_where_the_pixels_lie(seglet: Call, model, field, tmp_path):
    for form in ("geojson", "gpkg"):
        assert seglet("predict", model, field, "--tile", 64, "--polygons", form, "--out", tmp_path / form).code == 0
    features = json.loads((tmp_path / "geojson/polygons/field.geojson").read_text())["features"]
    longitude, latitude = features[0]["geometry"]["coordinates"][0][0]
    assert (round(longitude, 2), round(latitude, 2)) == (9.0, 47.85)  # 500 km east is the 9th meridian
    with sqlite3.connect(tmp_path / "gpkg/polygons/field.gpkg") as database:
        assert database.execute("SELECT count(*) FROM outlines").fetchone() == (len(features),)
        assert database.execute("SELECT srs_id FROM gpkg_contents").fetchone() == (32632,)


def test_the_outline_of_a_square_is_its_sides_and_small_pieces_go_to_their_neighbour(tmp_path):
    from seglet.images.outlines import write_outlines
    from seglet.types import Classes

    labels = np.full((8, 8, 1), 255, np.uint8)
    labels[2:6, 2:6], labels[3, 3] = 1, 0
    write(tmp_path / "mask.tif", labels, nodata=255, **PLACE)
    count = write_outlines(tmp_path / "m.gpkg", tmp_path / "mask.tif", Classes.named(["a", "b"]), least_pixels=2)
    with sqlite3.connect(tmp_path / "m.gpkg") as database:
        (blob, name), *_ = database.execute("SELECT geom, class FROM outlines").fetchall()
    ring = np.frombuffer(blob, "<f8", offset=8 + 9 + 4).reshape(-1, 2)
    assert (count, name) == (1, "b")
    assert (ring.min(0).tolist(), ring.max(0).tolist()) == ([500001.0, 5299997.0], [500003.0, 5299999.0])


def test_an_interruption_leaves_no_mask_and_the_same_command_goes_on(seglet: Call, model, field, tmp_path, monkeypatch):
    from seglet.images.raster_writing import RowWriter

    def interrupted(writer):
        raise KeyboardInterrupt

    with monkeypatch.context() as change:
        change.setattr(RowWriter, "finish", interrupted)
        assert seglet("predict", model, field, "--tile", 64, "--out", tmp_path / "out").code == 130
    assert list((tmp_path / "out/masks").iterdir()) == []
    assert seglet("predict", model, field, "--tile", 64, "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out/masks/field.tif").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tile", 64, "--window", 32, 32], "leave out --window"),
        (["--tile", 64, "--overlap", 40], "half a tile"),
        (["--polygons", "gpkg"], "give --tile 512 too"),
        (["--least-pixels", 9], "--least-pixels: of large images"),
        (["--tile", 64, "--samples", 4], "--samples: not of images by tiles"),
    ],
)
def test_options_that_do_not_go_with_tiles_are_refused(seglet: Call, model, field, tmp_path, words, message):
    done = seglet("predict", model, field, *words, "--out", tmp_path / "out")
    assert (done.code, message in done.err) == (2, True), done.err


def test_other_numbers_of_bands_need_a_choice(seglet: Call, model, tmp_path):
    bands = write(
        tmp_path / "five.tif", np.random.default_rng(0).integers(0, 4000, (40, 40, 5)).astype(np.uint16), **PLACE
    )
    done = seglet("predict", model, bands, "--tile", 32, "--out", tmp_path / "out")
    assert (done.code, "has 5 bands" in done.out) == (2, True)
    assert seglet("predict", model, bands, "--tile", 32, "--bands", 3, 2, 1, "--out", tmp_path / "rgb").code == 0


def test_without_rasterio_the_extra_is_named(seglet: Call, model, field, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    done = seglet("predict", model, field, "--tile", 32, "--out", tmp_path / "out")
    assert "pip install 'seglet[geo]'" in done.out
