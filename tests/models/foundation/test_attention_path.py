from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.golden_near import assert_near
from tests.models.golden_check import Case
from torch import Tensor

from seglet.models.foundation.attention import (
    AttentionChange,
    added_attention,
    attention_outputs,
    changed_attention,
    pair_attention,
)
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
EXTRA = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(2))
TOKENS = torch.rand(2, 17, 16, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def unchanged(attention: Tensor) -> Tensor:
    return attention


def authors_tower(case: Case) -> ImageTower:
    weights = {name[3:].replace("__", "."): torch.from_numpy(case[name]) for name in case if name.startswith("w__")}
    embedding = weights["model.embeddings.patch_embedding.weight"]
    feed = weights["model.encoder.layers.0.mlp.fc1.weight"]
    vision = {
        "hidden_size": len(embedding), "intermediate_size": len(feed), "num_hidden_layers": int(case["depth"]),
        "num_attention_heads": int(case["heads"]), "image_size": case["images"].shape[2],
        "patch_size": embedding.shape[2], "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    }  # fmt: skip
    plain = {"mean": [0.0] * 3, "std": [1.0] * 3, "dim": len(weights["projection.weight"])}
    tower = ImageTower.build({"vision": vision, **plain}).double()
    tower.load_state_dict(weights)
    return tower.eval()


@pytest.mark.golden("weak", "surgery_path")
def test_features_from_attention_alone_are_the_authors(case: Case) -> None:
    change = added_attention(torch.from_numpy(case["ex_attn"]), 1.0) if "ex_attn" in case else unchanged
    tower, images, layers = authors_tower(case), torch.from_numpy(case["images"]), int(case["layers"])
    found = tower.forward_by_attention(images, layers, change, "mean")
    assert_near(found.patches.flatten(2).mT, case["patches"], rtol=1e-6)  # transformers' softmax is in float32
    assert not torch.allclose(tower.forward_by_attention(images, layers - 1, change, "mean").patches, found.patches)


@pytest.mark.parametrize(("pairs", "letter"), [("qq", "q"), ("kk", "k"), ("vv", "v")])
def test_projections_are_compared_with_themselves_head_by_head(clip: ImageTextEncoder, pairs: Any, letter: str) -> None:
    module: Any = clip.image.attentions[1]
    own = module(hidden_states=TOKENS)[1]
    vectors = getattr(module, f"{letter}_proj")(TOKENS).reshape(2, 17, 4, 4).transpose(1, 2)
    torch.testing.assert_close(pair_attention(module, TOKENS, own, pairs), (vectors @ vectors.mT / 2).softmax(-1))


def test_queries_with_keys_are_the_models_own_and_the_mean_is_of_the_other_three(clip: ImageTextEncoder) -> None:
    module: Any = clip.image.attentions[1]
    own = module(hidden_states=TOKENS)[1]
    assert pair_attention(module, TOKENS, own, "qk") is own
    three = [pair_attention(module, TOKENS, own, "qq"), pair_attention(module, TOKENS, own, "kk")]
    three.append(pair_attention(module, TOKENS, own, "vv"))
    torch.testing.assert_close(pair_attention(module, TOKENS, own, "mean"), sum(three) / 3)


def test_the_last_attention_is_taken_without_residual_and_feed_forward(clip: ImageTextEncoder) -> None:
    tower: Any = clip.image
    change: AttentionChange = added_attention(EXTRA, 0.5)
    with (
        changed_attention(tower.attentions[-2:-1], change, "qq"),
        attention_outputs(tower.attentions[-1:], change, "qq") as outputs,
    ):
        tower(IMAGES)
    expected = tower.projection(tower.model.post_layernorm(outputs[0]))[:, 1:]
    found = tower.forward_by_attention(IMAGES, 2, change, "qq", "last")
    torch.testing.assert_close(found.patches.flatten(2).mT, expected)


def test_beside_the_path_of_attention_the_network_runs_unchanged(clip: ImageTextEncoder) -> None:
    plain = clip.image(IMAGES)
    found = clip.image.forward_by_attention(IMAGES, 2, added_attention(EXTRA, 1.0))
    assert torch.equal(found.image, plain.image)
    assert all(torch.equal(one, other) for one, other in zip(found.layers, plain.layers, strict=True))
    assert not torch.allclose(found.patches, plain.patches)
