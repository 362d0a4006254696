"""The card of a Segmenter, and what goes to the hub; the hub is a folder here."""

import shutil

import pytest
import yaml

import seglet
from seglet.models.architecture import Architecture
from seglet.models.io.model_card import LicensedPart, Provenance, model_card
from seglet.models.segmenter import build
from seglet.types import Classes

CLASSES = Classes(("background", "<script>x</script>", "a|b"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
NETWORK = Architecture("deeplabv3-resnet18", width=0.125)
PROVENANCE = Provenance(
    "owner/name", "fotf", "world", "world, split val", "CC-BY-4.0",
    (LicensedPart("data", "CC0"), LicensedPart("teacher")),
    {"miou": 0.71234}, "seglet train `fotf`", "abc123",
)  # fmt: skip


class Hub:
    """Keeps repositories in a folder."""

    def __init__(self, home):
        self.home, self.private = home, {}

    def create_repo(self, name, private, exist_ok):
        self.private[name] = private

    def upload_folder(self, repo_id, folder_path, commit_message):
        shutil.copytree(folder_path, self.home / repo_id)

    def snapshot_download(self, name, revision, allow_patterns):
        return str(self.home / name)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: made)
    monkeypatch.setattr("huggingface_hub.snapshot_download", made.snapshot_download)
    return made


def front(text):
    return yaml.safe_load(text.split("---")[1])


def test_the_hub_finds_task_licence_and_scores():
    found = front(model_card(NETWORK, CLASSES, 5_000_000, PROVENANCE))
    assert (found["pipeline_tag"], found["license"]) == ("image-segmentation", "cc-by-4.0")
    (result,) = found["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "miou", "value": 0.71234}]


def test_people_find_classes_data_command_and_every_licence():
    text = model_card(NETWORK, CLASSES, 5_000_000, PROVENANCE)
    for said in ("3 classes", "5.00 million", "`fotf`", "learned from world", "71.23", "| data | CC0 |",
                 "| teacher | not stated |", "| seglet's code | Apache-2.0 |", "commit `abc123`"):  # fmt: skip
        assert said in text


def test_unknown_facts_are_not_made_up():
    text = model_card(NETWORK, CLASSES, 5_000_000, Provenance())
    assert front(text)["license"] == "other"
    assert "model-index" not in front(text)
    for said in ("is not stated", "None are stated", "| these weights | not stated |"):
        assert said in text


def test_hostile_names_are_words():
    text = model_card(NETWORK, CLASSES, 5_000_000, Provenance(name="---\n<b>", data="x\n\n# y"))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a\\|b" in text
    assert front(text)["library_name"] == "seglet"
    assert "\n# y" not in text


def test_what_is_pushed_is_loaded(hub):
    model = build(NETWORK, CLASSES)
    model.push_to_hub("owner/name", PROVENANCE)
    again = seglet.load("owner/name")
    assert again.classes == CLASSES
    assert all(bool((one == two).all()) for one, two in zip(model.parameters(), again.parameters(), strict=True))
    assert hub.private == {"owner/name": True}
    assert "owner/name" in (hub.home / "owner/name/README.md").read_text()


def test_what_is_published_is_a_segmenter(tmp_path):
    build(NETWORK, CLASSES).publish(tmp_path / "folder")
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert seglet.load(tmp_path / "folder").classes == CLASSES
    with pytest.raises(ValueError, match="not empty"):
        build(NETWORK, CLASSES).publish(tmp_path / "folder")


@pytest.mark.parametrize("name", ["name", "a/b/c", "/a", "./a"])
def test_other_names_are_refused(name, hub):
    with pytest.raises(ValueError, match="owner/name"):
        build(NETWORK, CLASSES).push_to_hub(name)


def test_the_hubs_refusal_is_passed_on(hub, monkeypatch):
    monkeypatch.setattr(hub, "create_repo", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("401")))
    with pytest.raises(ValueError, match=r"401.*hf auth login"):
        build(NETWORK, CLASSES).push_to_hub("owner/name")
