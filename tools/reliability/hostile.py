"""Files and requests that somebody made to do harm, and mutations of good ones."""

import asyncio
import contextlib
import io
import json
import pickle
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from seglet.data.class_files import read_class_table
from seglet.data.description import load_description
from seglet.engine.experiment_file import read_yaml
from seglet.files import path_below
from seglet.images import read_image
from seglet.inference.import_masks import ImportOptions, import_masks
from seglet.models.io.checkpoints import read_tensors
from seglet.models.segmenter import load
from seglet.plain_yaml import PlainLoader
from seglet.webapp.request_check import RequestCheck
from tools.reliability.row import Row, answers, refuses, tally

_UP = ("../", "..\\", "%2e%2e/", "a/../../", "/", "C:/", "C:", "\\\\server\\share\\", "./../", "a/b/../../../")


def hostile_rows(place: Path, trials: int) -> Iterator[Row]:
    """Yields a row for each kind of attack."""
    yield _pickles(place)
    yield _headers(place)
    yield _names(place)
    yield _bombs(place)
    yield _yaml()
    yield _requests(place)
    yield from _mutations(place, trials)


class _Touch:
    def __init__(self, canary: Path, call: str) -> None:
        self.canary, self.call = canary, call

    def __reduce__(self) -> tuple[Any, ...]:
        if self.call == "eval":
            return eval, (f"open({str(self.canary)!r}, 'w')",)
        if self.call == "exec":
            return exec, (f"open({str(self.canary)!r}, 'w')",)
        import os

        return (os.system, (f"touch {self.canary}",)) if self.call == "system" else (open, (str(self.canary), "w"))


def _pickles(place: Path) -> Row:
    trials = []
    for call in ("system", "eval", "exec", "open"):
        for protocol in range(6):
            for ending in (".pth", ".pt", ".safetensors", ".bin"):
                canary, file = place / "canary", place / f"{call}{protocol}{ending}"
                file.write_bytes(pickle.dumps({"weight": _Touch(canary, call)}, protocol))
                held = refuses(partial(read_tensors, file)) and refuses(partial(load, file))
                trials.append((file.name, held and not canary.exists()))
    return tally("pickle with code as weights", "refused, and a canary file is never made", trials)


def _headers(place: Path) -> Row:
    def tensors(header: object, size: int | None = None, body: bytes = bytes(64)) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if size is None else size) + text + body

    def one(**changes: Any) -> dict[str, Any]:
        return {"a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64], **changes}}

    cases = {
        "header of 2^63 bytes": tensors(one(), 2**63), "header beyond the file": tensors(one(), 10**6),
        "no header": b"", "half a size": b"\1\0\0", "header of zeros": tensors(bytes(40)), "list": tensors([]),
        "offsets beyond the file": tensors(one(data_offsets=[0, 6400], shape=[1600])),
        "offsets backwards": tensors(one(data_offsets=[64, 0])), "negative shape": tensors(one(shape=[-16])),
        "shape that overflows": tensors(one(shape=[2**40, 2**40])), "unknown type": tensors(one(dtype="F31")),
        "overlap": tensors({**one(), "b": one()["a"]}), "hole": tensors(one(data_offsets=[0, 32], shape=[8])),
        "shape of text": tensors(one(shape="x")), "deep": tensors(b"[" * 10000),
        "shape unlike bytes": tensors(one(shape=[3])),
    }  # fmt: skip
    trials = []
    for name, content in cases.items():
        (place / "bad.safetensors").write_bytes(content)
        trials.append((name, refuses(lambda: read_tensors(place / "bad.safetensors"))))
    return tally("malformed safetensors", "an error for users", trials)


def _names(place: Path) -> Row:
    names = [f"{up}{inner}" for up in _UP for inner in ("x", "x/y", "../x", "..", "x\0y")]
    root = (place / "root").resolve()

    def held(name: str) -> bool:
        try:
            made = path_below(root, name, ".png")
        except ValueError:
            return True
        return made.resolve().is_relative_to(root) and "\0" not in str(made)

    return tally(
        "names that lead out of a folder", "refused, or below the folder", [(name, held(name)) for name in names]
    )


def _bombs(place: Path) -> Row:
    def png(width: int, height: int) -> bytes:
        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        body = zlib.compress(bytes(10**6))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")

    trials = []
    for side in (9000, 14000, 60000, 2**31 - 1):
        (place / "bomb.png").write_bytes(png(side, side))
        tracemalloc.start()
        held = refuses(lambda: read_image(place / "bomb.png"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        trials.append((f"{side}x{side}", held and peak < 50 * 10**6))
    return tally("image bombs", "refused with less than 50 MB", trials)


def _yaml() -> Row:
    levels = [f"{b}: &{b} [{','.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    cases = {
        "aliases": "\n".join(["a: &a [x, x]", *levels]), "deep": "[" * 10**5, "itself": "a: &a [*a]", "octal": "a: 010",
        "object": "!!python/object/apply:os.system [true]", "module": "!!python/module:os",
        "tuple": "!!python/tuple [1]",
        "new": "!!python/object/new:os.system [true]", "name": "!!python/name:os.system", "binary": "!!binary x",
    }  # fmt: skip
    held = [(name, refuses(partial(yaml.load, text, PlainLoader), (yaml.YAMLError, ValueError)))
            for name, text in cases.items()]  # fmt: skip
    return tally("YAML bombs and objects", "refused at once", held)


def _requests(place: Path) -> Row:
    (place / "secret").write_text("secret")
    own = place / "served"
    own.mkdir()
    (own / "a.png").touch()
    reached: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    async def send(message: Any) -> None: ...

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    check = RequestCheck(application, own)
    here = [(b"host", b"127.0.0.1:7860")]
    before = (*_UP, f"{own}/../", f"{own}/a.png/../../", "http://a/", "file://", "//")
    names = ("secret", "etc/passwd", "../secret", "..%2fsecret", "secret\0.png")
    files = [f"/gradio_api/file={up}{name}" for up in before for name in names]
    marks = [(b"origin", b"https://evil.example"), (b"origin", b"null"), (b"sec-fetch-site", b"cross-site"),
             (b"sec-fetch-site", b"same-site")]  # fmt: skip
    foreign = [[(b"host", b"evil.example")], [], *([*here, mark] for mark in marks)]
    asked = [("GET", path, here) for path in files]
    asked += [
        ("GET", f"/{route}", here) for route in ("gradio_api/proxy=http://a", "monitoring", "gradio_api/openapi.json")
    ]
    asked += [("POST", "/gradio_api/upload", headers) for headers in foreign]
    asked += [("GET", "/config", headers) for headers in foreign]
    trials = []
    for method, path, headers in asked:
        reached.clear()
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        asyncio.run(check(scope, receive, send))
        trials.append((f"{method} {path}", not reached))
    return tally("requests of other pages, and for files that are not the app's", "never reach the page", trials)


def _mutations(place: Path, trials: int) -> Iterator[Row]:
    """Yields, for each reader, a row of random changes to a good file; a reader answers or says what is wrong."""
    folder = place / "mutated"
    folder.mkdir()
    cvat = (
        '<annotations><image id="0" name="a.png" width="7" height="6"><polygon label="c" points="1,1;5,1;5,4"/></image>'
    )
    labelme = {"imagePath": "a.png", "imageHeight": 6, "imageWidth": 7,
               "shapes": [{"label": "c", "shape_type": "polygon", "points": [[1, 1], [5, 1], [5, 4]]}]}  # fmt: skip
    coco = {"images": [{"id": 1, "file_name": "a.png", "height": 6, "width": 7}],
            "categories": [{"id": 1, "name": "c"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 4]]}],
    }  # fmt: skip
    description = {"version": 1, "root": ".", "layout": "folders", "coding": "index", "stray": 0, "max_pixels": 9,
                   "classes": [{"id": 0, "name": "a", "colour": [0, 0, 0], "void": False}],
                   "splits": {"train": [["a", "a.png", None, "", ""]]}}  # fmt: skip

    def imported(file: Path) -> object:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(dir=place) as out:
            return import_masks(file, Path(out) / "out", ImportOptions())

    readers: dict[str, tuple[str, str, Callable[[Path], object]]] = {
        "experiment": ("e.yaml", "method: fotf\nsteps: 10\ncrop: [64, 64]\nrows:\n  a: {kappa: 3}\n", read_yaml),
        "class table": ("classes.txt", "0 background 0 0 0\n1 cat 128 0 0\n", read_class_table),
        "class table in YAML": ("data.yaml", "names: {0: a, 1: b}\n", read_class_table),
        "description": ("dataset.json", json.dumps(description), load_description),
        "CVAT": ("annotations.xml", f"{cvat}</annotations>", imported),
        "LabelMe": ("a.json", json.dumps(labelme), imported),
        "COCO": ("coco.json", json.dumps(coco), imported),
    }
    for name, (file, text, read) in readers.items():
        draw, results = random.Random(name), list[tuple[str, bool]]()
        for number in range(trials):
            changed = mutate(text.encode(), draw)
            (folder / file).write_bytes(changed)
            with contextlib.redirect_stderr(io.StringIO()):  # progress
                held = answers(partial(read, folder / file))
            results.append((f"{number}: {changed[:80]!r}", held))
        (folder / file).unlink()
        yield tally(f"mutated {name}", "a result or an error for users", results)


_PIECES = (
    b"",
    b"null",
    b"-1",
    b"1e999",
    b"[]",
    b"{}",
    b'"',
    b"\0",
    b"\xff",
    b"9" * 30,
    b"NaN",
    b"true",
    b"../x",
    b"&a",
    b"*a",
    b"\n",
)


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Returns the content with one to three parts replaced by others, doubled or left out."""
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(content) + 1)
        end = min(len(content), start + draw.choice((0, 1, 1, 2, 8)))
        piece = draw.choice((*_PIECES, content[start:end] * 2, bytes([draw.randrange(256)])))
        content = content[:start] + piece + content[end:]
    return content
