from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from seglet.models.foundation.attention import added_attention, changed_attention
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def authors(clip_folder: Path) -> Any:
    """The same model as transformers itself runs it."""
    from transformers import CLIPModel

    return CLIPModel.from_pretrained(clip_folder, attn_implementation="eager").eval()


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def test_features_are_those_of_transformers(clip: ImageTextEncoder, authors: Any) -> None:
    output = authors.vision_model(clip.image.normalise(IMAGES), output_hidden_states=True)
    seen = clip.image(IMAGES)
    assert torch.equal(seen.image, authors.visual_projection(output.pooler_output))
    for layer, tokens in zip(seen.layers, output.hidden_states[1:], strict=True):
        assert torch.equal(layer.flatten(2).transpose(1, 2), tokens[:, 1:])


def test_pixels_in_zero_to_one_are_normalised_as_clip_was_trained(clip: ImageTextEncoder) -> None:
    grey = clip.image.normalise(torch.full((1, 3, 1, 1), 0.5)).flatten()
    assert grey[0].item() == pytest.approx((0.5 - 0.48145466) / 0.26862954)


def test_patches_are_the_projected_norm_of_the_last_layer(clip: ImageTextEncoder, authors: Any) -> None:
    seen = clip.image(IMAGES)
    by_hand = authors.visual_projection(authors.vision_model.post_layernorm(seen.layers[-1].flatten(2).mT))
    assert torch.allclose(seen.patches.flatten(2).mT, by_hand, atol=1e-6)


def test_attention_is_the_mean_over_the_heads_of_each_layer(clip: ImageTextEncoder, authors: Any) -> None:
    output = authors.vision_model(clip.image.normalise(IMAGES), output_attentions=True)
    _, attentions = clip.image.forward_with_attention(IMAGES)
    assert len(attentions) == 4
    for mine, heads in zip(attentions, output.attentions, strict=True):
        assert torch.equal(mine, heads.mean(dim=1))


def test_reading_attention_leaves_no_hook_behind(clip: ImageTextEncoder) -> None:
    clip.image(IMAGES)  # transformers installs some of its own the first time
    before = [len(module._forward_hooks) for module in clip.image.attentions]
    clip.image.forward_with_attention(IMAGES)
    assert [len(module._forward_hooks) for module in clip.image.attentions] == before


def test_positions_of_another_size_are_resized_bilinearly(clip: ImageTextEncoder) -> None:
    embeddings: Any = clip.image.model.embeddings
    table = embeddings.position_embedding.weight
    wide = embeddings.interpolate_pos_encoding(torch.zeros(1, 33, 16), 32, 64)
    square = table[1:].T.reshape(1, 16, 4, 4)
    assert torch.equal(wide[0, 0], table[0])
    assert torch.equal(wide[0, 1:].T, F.interpolate(square, (4, 8), mode="bilinear")[0].flatten(1))


@pytest.mark.parametrize(("size", "grid"), [((32, 64), (4, 8)), ((24, 32), (3, 4)), ((37, 3), (5, 1))])
def test_images_of_any_size_are_tiled_by_patches(
    clip: ImageTextEncoder, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    seen = clip.image(torch.rand(1, 3, *size))
    assert seen.patches.shape == (1, 8, *grid)
    assert clip.image.grid(size) == grid


def test_an_image_does_not_depend_on_its_neighbours(clip: ImageTextEncoder) -> None:
    assert torch.allclose(clip.image(IMAGES).patches[:1], clip.image(IMAGES[:1]).patches, atol=1e-5)


def test_weight_zero_gives_clips_own_output_bit_for_bit(clip: ImageTextEncoder) -> None:
    plain = clip.image(IMAGES)
    with changed_attention(clip.image.attentions[-3:], added_attention(torch.rand(2, 16, 16), 0.0)):
        fused = clip.image(IMAGES)
    assert torch.equal(fused.image, plain.image)
    assert torch.equal(fused.patches, plain.patches)
    assert all(torch.equal(one, other) for one, other in zip(fused.layers, plain.layers, strict=True))


def test_attention_is_added_between_patches_of_the_last_layers_only(clip: ImageTextEncoder) -> None:
    extra = torch.rand(2, 16, 16)
    _, plain = clip.image.forward_with_attention(IMAGES)
    with changed_attention(clip.image.attentions[-1:], added_attention(extra, 0.5)):
        seen, fused = clip.image.forward_with_attention(IMAGES)
    assert torch.equal(fused[2], plain[2])
    assert torch.allclose(fused[3] - plain[3], F.pad(0.5 * extra, (1, 0, 1, 0)), atol=1e-6)
    assert not torch.equal(seen.patches, clip.image(IMAGES).patches)


def test_added_attention_is_what_a_change_of_the_softmax_would_give(clip: ImageTextEncoder, authors: Any) -> None:
    module, tokens, extra = (
        authors.vision_model.encoder.layers[1].self_attn,
        torch.rand(2, 17, 16),
        torch.rand(2, 16, 16),
    )
    q, k, v = (p(tokens).reshape(2, 17, 4, 4).transpose(1, 2) for p in (module.q_proj, module.k_proj, module.v_proj))
    weights = (q @ k.mT / 2).softmax(-1)
    weights[:, :, 1:, 1:] += 0.7 * extra[:, None]
    with changed_attention([module], added_attention(extra, 0.7)):
        mine, _ = module(hidden_states=tokens)
    assert torch.allclose(mine, module.out_proj((weights @ v).transpose(1, 2).reshape(2, 17, 16)), atol=1e-5)


def test_a_change_that_returns_what_it_was_given_changes_nothing(clip: ImageTextEncoder) -> None:
    with changed_attention(clip.image.attentions, lambda attention: attention):
        assert torch.equal(clip.image(IMAGES).patches, clip.image(IMAGES[:]).patches)


def test_attention_of_another_grid_is_an_error(clip: ImageTextEncoder) -> None:
    with (
        changed_attention(clip.image.attentions, added_attention(torch.rand(2, 9, 9), 1.0)),
        pytest.raises(ValueError, match=r"expected an attention matrix of 16 patches, got \(2, 9, 9\)"),
    ):
        clip.image(IMAGES)


def test_attention_that_is_never_formed_is_an_error(clip_folder: Path) -> None:
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(clip_folder, attn_implementation="sdpa")
    with pytest.raises(ValueError, match="never forms its attention matrix"):
        ImageTower(model.vision_model, model.visual_projection).forward_with_attention(IMAGES)


def test_gradients_reach_the_images_and_the_added_attention_but_no_weight(clip: ImageTextEncoder) -> None:
    with torch.enable_grad():
        images, extra = IMAGES.clone().requires_grad_(), torch.rand(2, 16, 16).requires_grad_()
        with changed_attention(clip.image.attentions[-2:], added_attention(extra, 1.0)):
            clip.image(images).patches.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert extra.grad is not None
    assert extra.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in clip.parameters())


def test_a_tower_is_built_again_from_its_description(clip: ImageTextEncoder) -> None:
    again = ImageTower.build(clip.image.description()).eval()
    again.load_state_dict(clip.image.state_dict())
    assert torch.equal(again(IMAGES).patches, clip.image(IMAGES).patches)


def test_a_copy_of_a_tower_has_positions_of_its_own(clip: ImageTextEncoder) -> None:
    import copy

    tower = copy.deepcopy(clip.image)
    tower.model.embeddings.position_embedding.weight.zero_()  # type: ignore[union-attr,operator]
    assert not torch.equal(tower(IMAGES).patches, clip.image(IMAGES).patches)


def test_texts_are_embedded_as_transformers_embeds_them(clip: ImageTextEncoder, authors: Any) -> None:
    texts = ["a dog", "a photo of a red cat"]
    written = clip.text.tokenizer(texts, padding=True, return_tensors="pt")
    theirs = authors.get_text_features(**written).pooler_output
    assert torch.allclose(clip.text.embed(texts), theirs / theirs.norm(dim=1, keepdim=True), atol=1e-6)


def test_a_text_does_not_depend_on_the_longer_one_beside_it(clip: ImageTextEncoder) -> None:
    both = clip.text.embed(["a dog", "a photo of a red cat, the sky, a bird"])
    assert torch.allclose(both[:1], clip.text.embed(["a dog"]), atol=1e-6)


def test_a_class_is_the_mean_direction_of_its_texts(clip: ImageTextEncoder) -> None:
    dog, cat, bird = clip.text.embed(["a dog", "a cat", "a bird"])
    classes = clip.text.embed_classes([["a dog", "a cat"], ["a bird"]])
    assert torch.allclose(classes[0], (dog + cat) / (dog + cat).norm(), atol=1e-6)
    assert torch.allclose(classes[1], bird, atol=1e-6)


def test_token_vectors_know_which_of_them_are_padding(clip: ImageTextEncoder) -> None:
    tokens = clip.text.tokens(["a dog", "a red dog"])
    assert tokens.valid.tolist() == [[True] * 4 + [False], [True] * 5]
    assert tokens.states.shape == (2, 5, 16)
    assert clip.text.tokens(["a dog"], padded=True).states.shape == (1, 16, 16)


def test_a_text_beyond_the_limit_is_cut_and_reported(clip: ImageTextEncoder) -> None:
    long = "a photo of " * 5 + "a dog"
    assert [(reading.truncated, reading.length) for reading in clip.text.tokenize([long, "a dog"])] == [
        (True, 19),
        (False, 4),
    ]
    assert clip.text.tokens([long]).states.shape[1] == clip.text.limit == 16


def test_words_of_many_tokens_are_reported(clip: ImageTextEncoder) -> None:
    dog, table, nothing, foreign = clip.text.tokenize(["a dog", "a table", " ", "日"])
    assert (dog.pieces, dog.broken, dog.unknown) == ((("a", 1), ("dog", 1)), (), ())
    assert table.broken == ("table",)
    assert [nothing.empty, dog.empty] == [True, False]
    assert foreign.unknown == ("日",)


def test_half_precision_is_half_as_large(clip_folder: Path) -> None:
    half = ImageTextEncoder.load(clip_folder, dtype="bfloat16")
    assert half.image(IMAGES).patches.dtype == torch.bfloat16
    assert half.text.embed(["a dog"]).dtype == torch.float32


def test_no_text_is_no_class(clip: ImageTextEncoder) -> None:
    with pytest.raises(ValueError, match="got none for number 1"):
        clip.text.embed_classes([["a dog"], []])
    with pytest.raises(ValueError, match="at least one text"):
        clip.text.embed([])
