import numpy as np

from seglet.data.portable_rng import PortableRng


def test_the_bits_are_the_raw_bits_of_philox():
    raw = np.random.Philox(key=5, counter=1 << 192).random_raw(64)
    assert PortableRng(5, stream=1).unit() == (int(raw[-1]) >> 11) / 2**53


def test_streams_of_a_seed_differ():
    assert PortableRng(5, stream=0).unit() != PortableRng(5, stream=1).unit()


def test_draws_are_uniform():
    rng = PortableRng(1, stream=0)
    assert abs(np.mean([rng.between(2, 4) for _ in range(4000)]) - 3) < 0.03
    assert np.bincount([rng.below(3) for _ in range(3000)]).min() > 900
    assert abs(rng.bytes(10001).mean() - 127.5) < 3
