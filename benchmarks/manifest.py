"""Opening a manifest in shards at 10⁴ to 10⁷ images: time and memory, beside dataset.json where that is still opened.

Rows are synthetic, 10 000 to a Parquet file. Each measurement is a process of its own, whose CPU time counts: it opens
the data set, reads the first and the last row, and takes 1000 samples of the two-level order of training, which load 16
files.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._harness import Result
from seglet.data.class_table import numbered_table
from seglet.data.description import Description, ImageItem
from seglet.data.shards.manifest import Manifest, Shard, save_manifest
from seglet.data.shards.rows import ImageRow, StoredPart, encode_rows
from seglet.stores import LocalPlace

ROWS = 10_000
MOST_OF_JSON = 100_000
"""Images up to which dataset.json is measured, too."""
LIMIT_ROWS, LIMIT_SECONDS, LIMIT_MB = 1_000_000, 2.0, 300.0
"""Opening this many rows takes less than this."""

_MEASURE = """
import sys, time
from pathlib import Path
from seglet.data.folder_dataset import FolderDataset
from seglet.data.description import load_description
from seglet.data.loading.step_sampler import EpochOrder
from seglet.data.opening import open_dataset
from seglet.data.shards.rows import load_pyarrow
load_pyarrow()


def peak():  # the resource module's peak is inherited from the process that started this one
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


before, begin = peak(), time.process_time()
if sys.argv[2] == "json":
    data = load_description(Path(sys.argv[1]) / "dataset.json")
    rows = FolderDataset(data, data.items("train")).items
    opened = time.process_time() - begin
    names = [rows[0].id, rows[-1].id]
else:
    rows = open_dataset(sys.argv[1], "train")
    names = [rows.ids[0], rows.ids[-1]]
    opened = time.process_time() - begin
    order = EpochOrder(len(rows), 0, groups=rows.groups)
    for place in range(1000):
        rows.row(order.index(place))
print(opened, time.process_time() - begin - opened, (peak() - before) / 1024, *names)
"""


@dataclass(frozen=True)
class ManifestCell:
    """One size: CPU seconds and MB to open, CPU seconds of 1000 rows in training order; None where not measured."""

    rows: int
    seconds: float
    order_seconds: float
    megabytes: float
    json_seconds: float | None
    json_megabytes: float | None


@dataclass(frozen=True)
class ManifestResult(Result):
    """`ours` is the seconds to open the largest set that dataset.json opens too, `rival` those of the latter."""

    cells: tuple[ManifestCell, ...]

    def details(self) -> str:
        """Returns the curve as a table."""
        lines = ["| images | open, s | memory, MB | 1000 rows in order, s | dataset.json, s | MB |", "|" + "--:|" * 6]
        for cell in self.cells:
            other = ("–", "–")
            if cell.json_seconds is not None and cell.json_megabytes is not None:
                other = (f"{cell.json_seconds:.2f}", f"{cell.json_megabytes:.0f}")
            times = f"{cell.seconds:.3f} | {cell.megabytes:.0f} | {cell.order_seconds:.2f}"
            lines.append(f"| {cell.rows} | {times} | {other[0]} | {other[1]} |")
        return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7], help="numbers of images")


def run(arguments: argparse.Namespace) -> ManifestResult:
    cells = tuple(cell(count) for count in arguments.rows)
    shared = [each for each in cells if each.json_seconds is not None]
    last = shared[-1] if shared else cells[-1]
    large = [each for each in cells if each.rows <= LIMIT_ROWS]
    rival = last.json_seconds or 0.0
    return ManifestResult(
        name="manifest",
        ours=last.seconds,
        rival=rival,
        ratio=rival / last.seconds,
        unit="s",
        equal=all(each.seconds < LIMIT_SECONDS and each.megabytes < LIMIT_MB for each in large),
        shapes=f"{last.rows} images; within 2 s and 300 MB up to 10⁶",
        threads=1,
        cells=cells,
    )


def cell(count: int) -> ManifestCell:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reading = Description(folder, "folders", numbered_table(("background", "cat")), {})
        write_manifest(folder, reading, count)
        seconds, order, megabytes, first, last = measured(folder, "parquet")
        assert (first, last) == ("0000/00000000", f"{(count - 1) % ROWS // 1000:04}/{(count - 1) % ROWS:08}")
        if count > MOST_OF_JSON:
            return ManifestCell(count, float(seconds), float(order), float(megabytes), None, None)
        items = tuple(item(folder, place) for place in range(count))
        Description(folder, "folders", reading.entries, {"train": items}).save(folder / "dataset.json")
        json_seconds, _, json_megabytes, *_ = measured(folder, "json")
        return ManifestCell(
            count, float(seconds), float(order), float(megabytes), float(json_seconds), float(json_megabytes)
        )


def write_manifest(folder: Path, reading: Description, count: int) -> None:
    """Writes a manifest whose Parquet files have the same rows, which costs a reader what others would."""
    shards = []
    for begin in range(0, count, ROWS):
        size = min(ROWS, count - begin)
        if begin == 0 or size != ROWS:
            content = encode_rows([row(place) for place in range(size)])
            sha = hashlib.sha256(content).hexdigest()
        name = f"{begin // ROWS:06}.parquet"
        (folder / name).write_bytes(content)
        shards.append(Shard("train", size, name, sha, name.replace("parquet", "tar"), 2**30))
    place = LocalPlace(folder)
    save_manifest(Manifest(place, place, reading, tuple(shards)), folder)


def row(place: int) -> ImageRow:
    name, draw = f"{place // 1000:04}/{place:08}", np.random.default_rng(place).bytes(32).hex()
    image, mask = (
        StoredPart(f"{name}.jpg", place * 10**5, 90_000, draw[:32]),
        StoredPart(f"{name}.mask.png", place * 10**5 + 91_136, 5_000, draw[32:]),
    )
    return ImageRow(name, image, mask, (1,), "", (375, 500), (0, 1), 0.01)


def item(folder: Path, place: int) -> ImageItem:
    name, draw = f"{place // 1000:04}/{place:08}", hashlib.sha256(str(place).encode()).hexdigest()
    return ImageItem(name, folder / f"images/{name}.jpg", folder / f"masks/{name}.png", draw[:32], draw[32:], (1,))


def measured(folder: Path, kind: str) -> Sequence[str]:
    words = [sys.executable, "-c", _MEASURE, str(folder), kind]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
