import torch

from seglet.labels.attention.cluster_refinement import identity_attention, oracle_attention, uniform_attention
from seglet.types import IGNORE

LIKE = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_identity_and_uniform_attention_do_not_depend_on_the_image() -> None:
    assert identity_attention(LIKE)[1].tolist() == torch.eye(4).tolist()
    assert uniform_attention(LIKE).eq(0.25).all()


def test_oracle_attention_is_uniform_over_patches_of_one_label() -> None:
    assert oracle_attention(torch.tensor([[3, 1, 3]]))[0].tolist() == [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]]


def test_patches_without_annotation_attend_to_themselves_alone() -> None:
    seen = oracle_attention(torch.tensor([[IGNORE, IGNORE, 0]]).to(torch.uint8))
    assert seen[0].tolist() == torch.eye(3).tolist()
