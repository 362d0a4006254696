from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation.encoder_makers import ENCODERS, save_encoder

from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.pretrained_encoder import PretrainedEncoder

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
SPECIAL = {"dinov2": 1, "dinov2_with_registers": 5, "dinov3_vit": 5, "vit": 1, "clip": 1}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("encoders")
    with quiet_libraries():
        return {kind: save_encoder(place / kind, kind) for kind in ENCODERS}


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_last_map_is_the_librarys_patch_tokens(folders: dict[str, Path], kind: str) -> None:
    encoder = PretrainedEncoder.load(folders[kind])
    model: Any = encoder.model
    theirs = model(pixel_values=encoder.normalise(IMAGES)).last_hidden_state
    found = encoder(IMAGES)
    assert found.shape == (2, encoder.channels("last"), 4, 4)
    expected = theirs if kind == "sam" else theirs[:, SPECIAL[kind] :].mT.reshape(2, -1, 4, 4)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not any(weight.requires_grad for weight in encoder.parameters())


@pytest.mark.parametrize("kind", ENCODERS)
def test_maps_follow_images_of_any_size(folders: dict[str, Path], kind: str) -> None:
    encoder = PretrainedEncoder.load(folders[kind])
    found = encoder(torch.rand(1, 3, 50, 32))
    assert found.shape[2:] == (6, 4)
    assert torch.isfinite(found).all()


def test_a_layer_is_named_by_its_number(folders: dict[str, Path]) -> None:
    encoder = PretrainedEncoder.load(folders["dinov2"])
    model: Any = encoder.model
    states = model(pixel_values=encoder.normalise(IMAGES), output_hidden_states=True).hidden_states
    assert torch.allclose(encoder(IMAGES, "layer1"), states[1][:, 1:].mT.reshape(2, -1, 4, 4), atol=1e-5)
    with pytest.raises(
        ValueError, match=r"nothing to tap at 'layer3'; did you mean .* There are last, and layer1 to l"
    ):
        encoder.check_place("layer3")
    with pytest.raises(ValueError, match=r"nothing to tap at 'layer1'\. There are last$"):
        PretrainedEncoder.load(folders["sam"]).check_place("layer1")
