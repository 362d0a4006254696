"""`seglet prepare`, in this process and in others that are killed."""

import html.parser
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.engine.columned import install
from tests.engine.test_diclip import TINY
from tests.models.foundation import makers

from seglet.cli.prepare import process_share
from seglet.data.overlay import colour_values
from seglet.data.world.scene import WORLD_CLASSES
from seglet.files import write_json
from seglet.report.column_audit import audit_files, principal_colours, render_value

WORLD = ("--world_size", "32", "--world_scenes", "24")
SCRIPT = Path(__file__).parents[1] / "engine" / "columned.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _method(monkeypatch):
    install(monkeypatch)


@pytest.fixture
def prepare(seglet, tmp_path):
    return lambda *words: seglet("prepare", "columned", *WORLD, "--columns", tmp_path / "columns", *words)


def test_it_makes_what_training_asks_for_and_says_what_comes_next(prepare, tmp_path):
    done = prepare()
    assert done.code == 0
    assert "depth: made 24 of 24 images" in done.out
    assert "complete; next: seglet train columned --world_scenes 24 --world_size 32 --columns" in done.out
    assert "24 of 24 images to make, about" in done.err
    assert "all 24 images are there" in prepare().err


def test_a_dry_run_writes_nothing(prepare, tmp_path):
    done = prepare("--dry-run")
    assert "missing: 'depth' of 24 images" in done.out
    assert not (tmp_path / "columns").exists()


def test_failures_are_listed_at_the_end_and_the_rest_is_kept(prepare):
    done = prepare("--break_on", "train-000003", "--json")
    assert done.code == 2
    made = {column["name"]: column for column in json.loads(done.out)["columns"]}
    assert made["histogram"]["failed"] == {"train-000003": "no histogram of train-000003"}
    assert (made["histogram"]["made"], made["depth"]["made"]) == (23, 24)
    assert "missing: 'histogram' of 1 images" in done.err
    assert prepare().code == 0


def test_a_list_says_how_each_was_made(prepare):
    assert "depth: not there yet" in prepare("--list").out
    prepare()
    message = prepare("--list", "--bins", "8").out
    assert "24 images" in message
    assert "(made otherwise: bins was 4, is 8)" in message
    assert "image by world-depth/1, weights exact, no settings" in message
    listed = json.loads(prepare("--list", "--json").out)
    assert {column["name"] for column in listed["columns"]} == {"depth", "histogram", "caption", "spelling"}
    assert all(column["use"] == "needed" and column["bytes"] > 0 for column in listed["columns"])


def test_clean_deletes_what_was_made_otherwise_and_nothing_else(prepare, tmp_path):
    prepare()
    prepare("--bins", "8")
    assert "would delete histogram" in prepare("--clean", "--dry-run").out
    assert len(list((tmp_path / "columns").glob("histogram-*"))) == 2
    assert "1 folders" in prepare("--clean").out
    assert len(list((tmp_path / "columns").glob("histogram-*"))) == 1
    assert "all 24 images" in prepare().err
    assert prepare("--clean").out == "nothing was made otherwise\n"


class Page(html.parser.HTMLParser):
    """Counts the tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert not [value for _, value in attributes if value and "://" in value]


def test_an_audit_shows_columns_and_escapes_what_comes_from_data(prepare, tmp_path):
    prepare()
    done = prepare("--audit", tmp_path / "page.html", "--count", "3")
    assert done.code == 0, done.err
    text = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;" in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    tags = Page(text).tags
    assert tags.count("img") == 3 * 3
    assert not {"b", "script", "link"} & set(tags)


def test_an_audit_before_anything_is_there_says_so(prepare, tmp_path):
    done = prepare("--audit", tmp_path / "both", "--count", "2")
    assert done.code == 0
    assert re.search(r"(\d+) of \1 images lack it; run `seglet prepare`", done.out)
    assert "missing" in (tmp_path / "both/columns.html").read_text()
    with Image.open(tmp_path / "both/columns.png") as sheet:
        assert sheet.width > 5 * 160


def test_an_audit_is_a_page_or_a_sheet(tmp_path):
    with pytest.raises(ValueError, match=r"a \.html page or a \.png sheet"):
        audit_files(tmp_path / "audit.txt")


def test_low_is_dark_and_high_is_bright():
    seen = colour_values(np.array([[0.0, 1.0]])).astype(int).sum(axis=2)
    assert seen[0, 0] < seen[0, 1]


def test_channels_are_shown_by_where_they_differ_most():
    values = np.zeros((2, 2, 5))
    values[0, :, 3] = 1
    seen = principal_colours(values)
    assert (seen[0] != seen[1]).any()
    assert (seen[:, 0] == seen[:, 1]).all()


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 2), (4, 4, 3), (4, 4, 2, 5)])
def test_any_grid_becomes_an_image(shape):
    shown = render_value(np.ones(shape, np.float16), "grid", WORLD_CLASSES)
    assert shown.shape == (4, 4, 3)
    assert shown.dtype == np.uint8


def test_words_for_what_is_no_image():
    assert render_value(np.array([1.0, 3.0]), "vector", WORLD_CLASSES) == "2 numbers, 1 to 3, mean 2"
    assert render_value(np.zeros((0, 4)), "sequence", WORLD_CLASSES) == "0 x 4 numbers"
    assert render_value((), "text", WORLD_CLASSES) == "(no text)"


def test_a_method_without_columns_has_nothing_to_prepare(seglet):
    done = seglet("prepare", "supervised")
    assert (done.code, "nothing to prepare" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("columed",), "did you mean 'columned'"),
        (("columned", "--binz", "3"), "did you mean 'bins'"),
        (("columned", "--device", "cuda:9"), "there is no device 'cuda:9'"),
        (("columned", "--batch", "0"), "whole number from 1"),
        (("columned", "--list", "--clean"), "not allowed with"),
        ((), "EXPERIMENT"),
    ],
)
def test_wrong_options_are_refused(seglet, words, message, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path))
    done = seglet("prepare", *words)
    assert done.code == 2
    assert message in done.err


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(seglet, tmp_path):
    (tmp_path / "file").touch()
    done = seglet("prepare", "columned", *WORLD, "--columns", tmp_path / "file")
    assert done.code == 2
    assert "cannot write columns" in done.err
    assert "key `columns`" in done.err


def test_ranks_come_from_the_launcher():
    assert process_share({}) == (0, 1)
    assert process_share({"RANK": "2", "WORLD_SIZE": "3"}) == (2, 3)
    for wrong in ({"RANK": "3", "WORLD_SIZE": "3"}, {"RANK": "x"}, {"RANK": "-1", "WORLD_SIZE": "2"}):
        with pytest.raises(ValueError, match="torchrun"):
            process_share(wrong)


def elsewhere(folder, **more):
    """`seglet prepare` in a process of its own, slowly, with shards of four values."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **more}
    words = [sys.executable, str(SCRIPT), "prepare", "columned", *WORLD, "--columns", str(folder), "--batch", "2"]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def contents(folder):
    from seglet.data.columns.store import stored_columns

    return {
        (store.recipe.key, where): str(store.read(place, where))
        for store in stored_columns(folder)
        for where, place in store.contents().locations.items()
    }


def test_a_killed_process_loses_no_shard_and_two_successors_side_by_side_make_only_the_rest(prepare, tmp_path):
    folder = tmp_path / "killed"
    process = elsewhere(folder)
    while process.poll() is None and len(list(folder.glob("depth-*/[0-9a-f]*.safetensors"))) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/[0-9a-f]*.safetensors")}
    assert process.returncode == -signal.SIGKILL
    assert 2 <= len(before) < 24
    message = [finish(rank)[1] for rank in [elsewhere(folder, RANK=str(rank), WORLD_SIZE="2") for rank in range(2)]]
    assert f"depth: {(24 - 4 * len(before)) // 2} of 12 images to make" in message[0]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    prepare()
    assert contents(folder) == contents(tmp_path / "columns")


@pytest.fixture
def remember(seglet, tmp_path):
    """Prepares DiCLIP's cache of generated images, without columns."""
    folder = str(makers.save_stable_diffusion(tmp_path / "sd"))
    write_json(tmp_path / "e.yaml", {**TINY, "generator": folder, "attention": "identity", "cache_classes": 0.1})
    return lambda *words: seglet("prepare", tmp_path / "e.yaml", "--columns", tmp_path / "columns", *words)


def test_a_dry_run_says_that_the_cache_is_missing(remember, tmp_path):
    assert remember("--dry-run").out == "missing: 'cache' (1 of 1 images to generate)\n"
    assert not (tmp_path / "columns").exists()


def test_a_list_has_caches_and_generated_images_and_clean_deletes_stale_ones(remember, tmp_path):
    assert "'cache' is not in" in remember("--list").out
    remember()
    remember("--generator_steps", "2")
    listed = remember("--list").out
    assert "(made otherwise: generator_steps was 2, is 1)" in listed, listed
    assert "2 files" in listed
    assert "(needed for cache)" in listed
    uses = [folder["use"] for folder in json.loads(remember("--list", "--json").out)["once"]]
    assert sorted(use.split(":")[0] for use in uses) == [
        "made otherwise",
        "made otherwise",
        "needed",
        "needed for cache",
    ]
    assert "would delete generated-" in remember("--clean", "--dry-run").out
    assert "2 folders" in remember("--clean").out
    assert {path.name.split("-")[0] for path in (tmp_path / "columns").iterdir()} == {"cache", "costs", "generated"}
    assert remember("--clean").out == "nothing was made otherwise\n"
    assert remember("--dry-run").out.startswith("complete; next: ")


def test_nothing_is_generated_for_images_without_tags(remember, images, tmp_path):
    shutil.rmtree(images / "masks")
    done = remember("--data", images)
    assert done.code == 2
    assert "have no tags; say where they are" in done.err
    assert not list(tmp_path.glob("columns/generated-*"))
