"""`seglet app`: its options, its predictors and its temporary files. The page itself: test_browser.py."""

import os
import subprocess
import sys
import tempfile
import types

import pytest
from tests.webapp.test_open_vocabulary import CLIP

from seglet.files import write_json
from seglet.inference.options import InferenceOptions
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.types import Classes
from seglet.webapp import server
from seglet.webapp.loading import distinct_names, load_open_vocabulary, load_segmenters

HOLD = "import sys, pathlib, seglet.locks as locks\n"
HOLD += "with locks.lock_folder(pathlib.Path(sys.argv[1])): print(flush=True); input()"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a segmenter, or --method"),
        (("a", "--method", "diclip"), "one of the two"),
        (("a", "b", "c"), "3 models were named; two can be compared"),
        (("a", "a"), "named twice"),
        (("a", "--names", "cat"), "--names are the classes of a --method"),
    ],
)
def test_contradictory_options_are_refused(words, message, seglet):
    done = seglet("app", *words)
    assert done.code == 2
    assert message in done.err


def test_without_gradio_the_extra_is_named(model, seglet, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    done = seglet("app", model)
    assert done.code == 2
    assert done.err.startswith("error: the page needs Gradio; run `pip install seglet[app]`")


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["runs/a/last"], ["last"]),
        (["runs/a/last", "runs/b/last"], ["a/last", "b/last"]),
        (["runs/a", "/deep/b.onnx"], ["a", "b.onnx"]),
        (["last", "runs/last"], ["last", "runs/last"]),
    ],
)
def test_models_are_named_by_the_parts_of_their_paths_that_differ(sources, names):
    assert distinct_names(sources) == names


def test_models_of_different_classes_are_not_compared(model, tmp_path):
    classes = Classes(("background", "cat"), ((0, 0, 0), (255, 0, 0)))
    build(Architecture("deeplabv3-resnet18", width=0.125), classes).save(tmp_path / "cats")
    with pytest.raises(ValueError, match="model and cats cannot be compared"):
        load_segmenters([str(model), str(tmp_path / "cats")], InferenceOptions(), 0, "cpu")


def test_a_method_takes_the_classes_that_are_named_or_any(tmp_path):
    write_json(tmp_path / "e.yaml", CLIP)
    named, own = (
        load_open_vocabulary(str(tmp_path / "e.yaml"), names, InferenceOptions(), "cpu")
        for names in (["star", "moon"], None)
    )
    assert named.known.classes.names == ("background", "star", "moon")
    assert len(own.known.classes) > 3
    assert load_open_vocabulary("diclip", None, InferenceOptions(), "cpu").known is None


class Taken:
    """Gradio whose port is taken."""

    def queue(self, **_):
        return self

    def launch(self, **_):
        raise OSError("no empty port")


def test_a_port_that_is_taken_is_reported(tmp_path):
    pytest.importorskip("starlette", reason="what Gradio brings is not installed")
    gr = types.SimpleNamespace(themes=types.SimpleNamespace(Base=dict))
    message = r"cannot serve at 127.0.0.1:7860 \(no empty port\); choose another --port"
    with pytest.raises(ValueError, match=message), server.serve_page(gr, Taken(), tmp_path, "127.0.0.1", 7860):
        pass


def test_the_private_folder_and_its_settings_are_gone_afterwards(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.setenv("GRADIO_ALLOWED_PATHS", "/")
    before = dict(os.environ)
    with server.private_folder() as folder:
        inside = {name: value for name, value in os.environ.items() if name.startswith("GRADIO_")}
        assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"
        (folder / "upload").mkdir()
    off = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False"}
    assert inside == {"GRADIO_TEMP_DIR": str(folder), **off}
    assert not folder.exists()
    assert dict(os.environ) == before


def test_what_a_killed_command_left_is_deleted_and_what_another_uses_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("seglet-app-killed", "seglet-app-used"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.png").touch()
    words = [sys.executable, "-c", HOLD, str(tmp_path / "seglet-app-used")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with server.private_folder():
            left = {path.parent.name for path in tmp_path.glob("*/face.png")}
        other.communicate(b"\n")
    assert left == {"seglet-app-used"}
