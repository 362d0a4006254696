import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor

from seglet.models.clip_cache.adapter import CacheAdapter
from seglet.models.clip_cache.build import build_cache
from seglet.models.clip_cache.cache import KeyValueCache, retrieve_values, unit_directions

Case = dict[str, np.ndarray]
X, Y, Z = torch.eye(3)


def tensor(case: Case, name: str) -> Tensor:
    return torch.from_numpy(case[name]).double()


@pytest.mark.golden("weak", "tip_adapter")
def test_retrieval_is_the_authors(case: Case) -> None:  # computed in float32
    queries, keys = tensor(case, "features"), tensor(case, "keys_DxK").mT
    scores = retrieve_values(queries[None], keys, tensor(case, "values"), float(case["beta"]))[0]
    assert_near(scores, case["cache_logits"], 1e-5)
    logits = 100 * queries @ tensor(case, "clip_weights_DxC") + float(case["alpha"]) * scores
    assert_near(logits, case["tip_logits"], 1e-5)


def a_cache(**options: bool) -> KeyValueCache:
    """Cache of one image of a first class, like its text, and two of a second, one of them unlike its text."""
    foreground = [3 * X[None], torch.stack([Y, Z])]
    return build_cache(foreground, [Z[None], Z[None]], torch.stack([X, Y]), (2, 1), **options)


def test_values_of_keys_are_their_similarity_to_the_text_of_their_class() -> None:
    cache = a_cache(centred=False)
    said = {tuple(key): value for key, value in zip(cache.keys[:3].tolist(), cache.values.tolist(), strict=False)}
    assert said == {(1, 0, 0): [0, 1, 0], (0, 1, 0): [0, 0, 1], (0, 0, 1): [0, 0, 0]}
    assert cache.values[3:].tolist() == [[1, 0, 0], [1, 0, 0]]


def test_unweighted_keys_say_one() -> None:
    assert a_cache(weighted=False).values.sum(dim=1).eq(1).all()


def test_keys_keep_the_class_and_the_number_of_their_images() -> None:
    cache = build_cache([torch.stack([X, X, Y])], [Z[None]], X[None], counts=(2, 1))
    assert cache.pictured.tolist() == [1, 1, 1]
    assert sorted(cache.support[:2].tolist()) == [1, 2]
    assert cache.support[2] == 1


def test_without_clustering_every_image_is_a_key() -> None:
    assert len(build_cache([torch.stack([X, X, Y])], [Z[None]], X[None], counts=(None, 1)).keys) == 4


def test_the_mean_key_is_taken_off_keys_and_queries() -> None:
    cache = a_cache()
    torch.testing.assert_close(cache.centre, torch.tensor([1 / 5, 1 / 5, 3 / 5]))
    torch.testing.assert_close(cache.keys[0], unit_directions(5 * X, cache.centre))
    scores = cache(5 * X[None, None], sharpness=100.0)
    torch.testing.assert_close(scores, torch.tensor([[[0.0, 1.0, 0.0]]]), rtol=0, atol=1e-4)


def test_classes_without_a_key_are_named_and_score_nothing() -> None:
    empty = torch.empty(0, 3)
    cache = build_cache([empty, Y[None]], [empty, Z[None]], torch.stack([X, Y]))
    assert cache.classes_without_keys() == [1]
    assert cache(torch.rand(1, 4, 3))[..., 1].eq(0).all()


def test_a_cache_is_its_state() -> None:
    cache = a_cache()
    again = KeyValueCache(**cache.state_dict())
    assert torch.equal(cache(torch.eye(3)[None]), again(torch.eye(3)[None]))


def test_texts_unlike_every_key_leave_the_values_unweighted() -> None:
    cache = build_cache([X[None]], [Z[None]], -X[None])
    assert cache.values.tolist() == [[0, 1], [1, 0]]


def test_dead_and_huge_features_stay_finite() -> None:
    features = torch.stack([torch.zeros(3), 1e30 * X, 1e-30 * X])[None]
    assert a_cache()(features).isfinite().all()
    assert a_cache()(features.half()).dtype == torch.float32
    assert build_cache([torch.zeros(2, 3)], [torch.zeros(1, 3)], X[None])(features).isfinite().all()


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 texts, but foregrounds of 1 classes and backgrounds of 1"):
        build_cache([X[None]], [Z[None]], torch.stack([X, Y]))
    with pytest.raises(ValueError, match="no class has a feature to keep"):
        build_cache([torch.empty(0, 3)], [torch.empty(0, 3)], X[None])
    with pytest.raises(ValueError, match="for each of 3 keys"):
        KeyValueCache(torch.eye(3), torch.ones(2, 2), X, torch.ones(3), torch.ones(3))


def adapter(**options: bool | int) -> CacheAdapter:
    return CacheAdapter(a_cache(), torch.Generator().manual_seed(0), **options)  # type: ignore[arg-type]


def test_an_adapter_begins_as_its_cache() -> None:
    features = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(adapter(prompts=7)(features), a_cache()(features))


def test_prompts_are_more_keys_and_begin_silent() -> None:
    learned = adapter(prompts=7)
    assert learned.keys.shape == (12, 3)
    assert learned.values[5:].eq(0).all()
    assert adapter(prompts=0).keys.shape == (5, 3)


def test_learning_does_not_change_the_cache_and_reaches_every_parameter() -> None:
    cache = a_cache()
    learned = CacheAdapter(cache, torch.Generator().manual_seed(0), prompts=2)
    learned(torch.rand(1, 4, 3)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.ne(0).any() for parameter in learned.parameters())
    with torch.no_grad():
        learned.keys.zero_()
    assert torch.equal(cache.keys, a_cache().keys)


def test_a_random_adapter_depends_on_the_generator_and_not_on_the_keys() -> None:
    random = adapter(random=True)
    assert torch.equal(random.keys, adapter(random=True).keys)
    assert not torch.equal(random.keys, adapter().keys)
    assert random.keys.shape == adapter().keys.shape


def test_keys_grown_long_still_give_finite_scores_and_gradients() -> None:
    learned = adapter()
    with torch.no_grad():
        learned.keys.mul_(1e6)
    learned(torch.rand(1, 4, 3)).sum().backward()
    assert learned.keys.grad is not None
    assert learned.keys.grad.isfinite().all()


def test_a_negative_number_of_prompts_is_refused() -> None:
    with pytest.raises(ValueError, match="prompts from 0 up, got -1"):
        adapter(prompts=-1)
