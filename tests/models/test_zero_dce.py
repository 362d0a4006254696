import json
from pathlib import Path

import pytest
import torch

from seglet.models.zero_dce import _CONFIG, _WEIGHTS, ZeroDCE, apply_curves, load_zero_dce, save_zero_dce


def started(width: int = 4, iterations: int = 2) -> ZeroDCE:
    model = ZeroDCE(width, iterations)
    model.draw_weights(torch.Generator().manual_seed(0))
    return model


def test_it_is_as_large_as_published() -> None:
    assert sum(parameter.numel() for parameter in ZeroDCE().parameters()) == 79_416


def test_the_curve_by_hand() -> None:
    images, curves = torch.full((1, 3, 1, 1), 0.5), torch.tensor([1.0, 0.0, -1.0, 1.0, 0.0, -1.0]).view(1, 6, 1, 1)
    torch.testing.assert_close(apply_curves(images, curves).flatten(), torch.tensor([0.9375, 0.5, 0.0625]))


def test_black_and_white_stay_and_nothing_leaves_the_range() -> None:
    images = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    out = apply_curves(images, torch.ones(1, 24, 9, 7))
    assert out[images == 0].eq(0).all()
    assert out[images == 1].eq(1).all()
    assert (out >= images).all()
    assert out.max() <= 1


def test_an_untrained_network_hardly_changes_a_image() -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (ZeroDCE.forward(started(32, 8), images) - images).abs().max() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (3, 20)])
def test_any_size_is_kept(size: tuple[int, int]) -> None:
    assert started()(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    images, model = torch.rand(1, 3, 8, 8), started()
    save_zero_dce(tmp_path / "dce", model, {"steps": 1})
    torch.testing.assert_close(load_zero_dce(tmp_path / "dce")(images), model(images).detach())


def test_a_folder_that_holds_none_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no config"):
        load_zero_dce(tmp_path)
    save_zero_dce(tmp_path / "dce", started(), {})
    (tmp_path / "dce" / _WEIGHTS).write_bytes(b"x")
    with pytest.raises(ValueError, match="not the file that"):
        load_zero_dce(tmp_path / "dce")
    (tmp_path / "dce" / _CONFIG).write_text(json.dumps({"format": "other"}))
    with pytest.raises(ValueError, match="does not describe a Zero-DCE"):
        load_zero_dce(tmp_path / "dce")
