import pytest

from seglet.engine.module import mix
from seglet.engine.optimise import learning_rate
from seglet.engine.settings import Settings


def test_the_rate_decays_polynomially_from_the_given_to_zero():
    settings = Settings(steps=100, learning_rate=0.02, power=0.9)
    assert learning_rate(0, settings) == 0.02
    assert learning_rate(50, settings) == pytest.approx(0.02 * 0.5**0.9)
    assert learning_rate(100, settings) == 0.0


def test_warm_up_rises_linearly():
    settings = Settings(steps=100, learning_rate=1.0, power=0.0, warmup=4)
    assert [learning_rate(step, settings) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_seeds_of_steps_ranks_and_micro_batches_never_meet():
    seeds = {
        mix(seed, step, rank, micro)
        for seed in range(3)
        for step in range(50)
        for rank in range(4)
        for micro in range(4)
    }
    assert len(seeds) == 3 * 50 * 4 * 4
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.golden("semi", "protocol")
def test_the_decay_is_the_authors(case):
    settings = Settings(steps=int(case["total_iters"]), learning_rate=1.0)
    ours = [learning_rate(int(step), settings) for step in case["iters"]]
    assert ours == pytest.approx(case["poly"].tolist(), rel=1e-12)
