import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seglet.models.foundation.clip import CLIP_LAYOUT, ImageTextEncoder
from seglet.models.foundation.stable_diffusion import STABLE_DIFFUSION_LAYOUT as DIFFUSION
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.models.foundation.unpickle import unpickle_model


def pickle(weights: Path, name: str) -> None:
    """Puts a pickle in the place of a safetensors file."""
    torch.save(load_file(weights), weights.with_name(name))
    weights.unlink()


@pytest.fixture
def pickled(clip_folder: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(clip_folder, tmp_path / "pickled")
    pickle(folder / "model.safetensors", "pytorch_model.bin")
    return folder


def test_a_pickled_clip_becomes_the_same_clip(pickled: Path, tmp_path: Path, clip: ImageTextEncoder) -> None:
    again = ImageTextEncoder.load(unpickle_model(pickled, "clip", CLIP_LAYOUT, tmp_path / "new"))
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(again.image(images).patches, clip.image(images).patches)
    assert torch.equal(again.text.embed(["a dog"]), clip.text.embed(["a dog"]))


def test_shards_become_one_file(pickled: Path, tmp_path: Path) -> None:
    weights = torch.load(pickled / "pytorch_model.bin")
    names = sorted(weights)
    shards = {name: f"pytorch_model-0000{1 + (place > 50)}-of-00002.bin" for place, name in enumerate(names)}
    for shard in set(shards.values()):
        torch.save({name: weights[name] for name in names if shards[name] == shard}, pickled / shard)
    (pickled / "pytorch_model.bin").unlink()
    (pickled / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": shards}))
    new = unpickle_model(pickled, "clip", CLIP_LAYOUT, tmp_path / "new")
    assert sorted(load_file(new / "model.safetensors")) == names
    assert not list(new.glob("*.bin*"))


def test_every_part_of_a_pipeline_is_turned(diffusion_folder: Path, diffusion: StableDiffusion, tmp_path: Path) -> None:
    folder = shutil.copytree(diffusion_folder, tmp_path / "pickled")
    for part in ("unet", "vae"):
        pickle(folder / part / "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
    pickle(folder / "text_encoder" / "model.safetensors", "pytorch_model.bin")
    again = StableDiffusion.load(unpickle_model(folder, "diffusion", DIFFUSION, tmp_path / "new"))
    assert torch.equal(again.latents(torch.ones(1, 3, 32, 32)), diffusion.latents(torch.ones(1, 3, 32, 32)))


def test_a_pickle_that_would_run_code_is_refused_and_nothing_written(pickled: Path, tmp_path: Path) -> None:
    torch.save({"model": Path("x").exists}, pickled / "pytorch_model.bin")
    with pytest.raises(ValueError, match="reading that would run code"):
        unpickle_model(pickled, "clip", CLIP_LAYOUT, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(pickled: Path) -> None:
    with pytest.raises(ValueError, match="exists; name a new folder"):
        unpickle_model(pickled, "clip", CLIP_LAYOUT, pickled)


def test_pickles_are_downloaded_only_here() -> None:
    assert not any(".bin" in pattern for pattern in CLIP_LAYOUT.patterns)
