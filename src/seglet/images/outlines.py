"""Outlines of the classes in a mask as polygons: GeoJSON (RFC 7946) or GeoPackage (OGC 12-128r18).

They follow the sides of the pixels. Where the mask lies on Earth, GeoJSON has longitudes and latitudes in WGS 84, as
its standard demands, and a GeoPackage the coordinates of the mask. Elsewhere both have columns and rows.
"""

import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from seglet.files import replace_atomically
from seglet.images.raster import import_rasterio
from seglet.types import Classes

OUTLINE_FORMATS = ("geojson", "gpkg")
"""Endings of the files that `write_outlines` writes."""

_TABLE = "outlines"
_ANYWHERE = -1
"""Number of GeoPackage for plane coordinates of no known system."""
_OWN_SYSTEM = 100_000
"""Number that a system gets if it has none of EPSG."""
_AT_ONCE = 1000
"""Polygons that are handed to the database at once."""
_LITTLE_ENDIAN, _POLYGON = 1, 3

_SCHEMA = f"""
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL PRIMARY KEY, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL);
CREATE TABLE {_TABLE} (fid INTEGER PRIMARY KEY AUTOINCREMENT, geom POLYGON, class TEXT, label INTEGER);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL);
"""

_Rings = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class _Outline:
    """A polygon, its outer ring first, and the label of its pixels."""

    rings: _Rings
    label: int


def write_outlines(path: Path, mask: Path, classes: Classes, least_pixels: int = 0) -> int:
    """Writes the outlines of a GeoTIFF mask, whole or not at all, and returns their number.

    The ending of `path` is one of `OUTLINE_FORMATS`. Void has no outline. With `least_pixels` smaller pieces go to the
    largest neighbour before.

    Raises:
        DataError: rasterio is missing, or the mask cannot be read.
    """
    rasterio = import_rasterio()
    with rasterio.open(mask) as dataset, replace_atomically(path) as temporary:
        outlines = _outlines(dataset, least_pixels)
        if path.suffix == ".gpkg":
            return _write_gpkg(temporary, outlines, classes, dataset)
        return _write_geojson(temporary, outlines, classes, dataset)


def _outlines(dataset: Any, least_pixels: int) -> Iterator[_Outline]:
    from rasterio import band
    from rasterio.features import shapes, sieve

    source = band(dataset, 1)
    if least_pixels > 1:
        source = sieve(source, least_pixels)
    found = shapes(source, mask=None if least_pixels > 1 else source, transform=dataset.transform)
    for geometry, value in found:
        if int(value) != dataset.nodata:
            yield _Outline(geometry["coordinates"], int(value))


def _write_geojson(path: Path, outlines: Iterator[_Outline], classes: Classes, dataset: Any) -> int:
    from rasterio.warp import transform_geom

    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for outline in outlines:
            geometry: Any = {"type": "Polygon", "coordinates": outline.rings}
            if dataset.crs is not None:
                geometry = transform_geom(dataset.crs, "EPSG:4326", geometry, precision=9)
            properties = {"class": classes.names[outline.label], "label": outline.label}
            feature = {"type": "Feature", "properties": properties, "geometry": geometry}
            file.write(("," if count else "") + "\n" + json.dumps(feature))
            count += 1
        file.write("\n]}\n")
    return count


def _write_gpkg(path: Path, outlines: Iterator[_Outline], classes: Classes, dataset: Any) -> int:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA application_id = 0x47504B47")  # GPKG
        database.execute("PRAGMA user_version = 10300")
        database.executescript(_SCHEMA)
        system = _add_system(database, dataset.crs)
        box = tuple(float(side) for side in (dataset.bounds.left, dataset.bounds.bottom, dataset.bounds.right,
                                             dataset.bounds.top))  # fmt: skip
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id) "
            f"VALUES ('{_TABLE}', 'features', '{_TABLE}', ?, ?, ?, ?, ?)",
            (*box, system),
        )
        database.execute(
            f"INSERT INTO gpkg_geometry_columns VALUES ('{_TABLE}', 'geom', 'POLYGON', ?, 0, 0)", (system,)
        )
        count = 0
        while some := list(islice(outlines, _AT_ONCE)):
            rows = [(_geometry(one.rings, system), classes.names[one.label], one.label) for one in some]
            database.executemany(f"INSERT INTO {_TABLE} (geom, class, label) VALUES (?, ?, ?)", rows)
            count += len(some)
    return count


def _add_system(database: sqlite3.Connection, system: Any) -> int:
    """Adds a coordinate system to a GeoPackage and returns its number there."""
    if system is None:
        return _ANYWHERE
    code = system.to_epsg()
    number, organisation = (code, "EPSG") if code else (_OWN_SYSTEM, "NONE")
    name = system.to_wkt().split('"')[1]
    database.execute(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)",
        (name, number, organisation, number, system.to_wkt()),
    )
    return int(number)


def _geometry(rings: _Rings, system: int) -> bytes:
    """Returns a polygon as GeoPackage stores it: a header without an envelope, then well-known binary."""
    header = struct.pack("<2sBBi", b"GP", 0, _LITTLE_ENDIAN, system)
    parts = [struct.pack("<BII", _LITTLE_ENDIAN, _POLYGON, len(rings))]
    for ring in rings:
        flat = [number for point in ring for number in point]
        parts.append(struct.pack(f"<I{len(flat)}d", len(ring), *flat))
    return header + b"".join(parts)
