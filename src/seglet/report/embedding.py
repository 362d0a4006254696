"""Layout of features on a plane, where similar features lie together. Axes: n pixels, c channels, d components."""

import numpy as np
from jaxtyping import Float, Int64

_STEPS, _PERPLEXITY, _RATE = 300, 30.0, 100.0
_EARLY_STEPS, _EXAGGERATION = 75, 8.0


def principal_components(features: Float[np.ndarray, "n c"], count: int = 2) -> Float[np.ndarray, "n d"]:
    """Projects features onto their first `count` principal components, or onto fewer if they have no more."""
    centred = np.asarray(features - features.mean(axis=0), np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray((left * sizes)[:, :count])


def tsne(features: Float[np.ndarray, "n c"], seed: int = 0) -> Float[np.ndarray, "n 2"]:
    """Lays features out on a plane by t-SNE; distances between groups mean little.

    Works on the first 30 principal components. Fewer than 90 pixels are projected onto the first two instead.

    Source: van der Maaten and Hinton, JMLR 2008, with the exact gradient.
    """
    if len(features) < 3 * _PERPLEXITY:
        flat = principal_components(features)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    wanted = _neighbourhoods(principal_components(features, 30))
    position = np.random.default_rng(seed).normal(0, 1e-4, (len(features), 2))
    speed, gain = np.zeros_like(position), np.ones_like(position)
    for step in range(_STEPS):
        gradient = _gradient(position, wanted * (_EXAGGERATION if step < _EARLY_STEPS else 1))
        gain = np.where(np.sign(gradient) == np.sign(speed), gain * 0.8, gain + 0.2).clip(0.01)
        speed = (0.5 if step < _EARLY_STEPS else 0.8) * speed - _RATE * gain * gradient
        position = position + speed
        position -= position.mean(axis=0)
    return position


def share_of_like_neighbours(features: Float[np.ndarray, "n c"], labels: Int64[np.ndarray, " n"]) -> float | None:
    """Returns the share of pixels, in [0, 1], whose nearest other pixel has their label; None for fewer than two.

    Near is meant in Euclidean distance of the features.
    """
    if len(features) < 2:
        return None
    distances = _distances(np.asarray(features, np.float64))
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def _gradient(position: Float[np.ndarray, "n 2"], wanted: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n 2"]:
    near = 1 / (1 + _distances(position))
    np.fill_diagonal(near, 0)
    pull = (wanted - near / near.sum()) * near
    return np.asarray(4 * (pull.sum(axis=1, keepdims=True) * position - pull @ position))


def _distances(points: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n n"]:
    squares = (points**2).sum(axis=1)
    return np.asarray((squares[:, None] + squares - 2 * points @ points.T).clip(0))


def _neighbourhoods(points: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n n"]:
    """Returns the probabilities that two points are neighbours; each has `_PERPLEXITY` neighbours in effect."""
    distances = _distances(points)
    low, high = np.full(len(points), 1e-12), np.full(len(points), 1e12)
    for _ in range(60):
        precision = np.sqrt(low * high)
        near = np.exp(-(distances - np.partition(distances, 1, axis=1)[:, 1:2]).clip(0) * precision[:, None])
        np.fill_diagonal(near, 0)
        shares = near / near.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(shares.clip(1e-300))).sum(axis=1)
        wide = entropy > np.log(_PERPLEXITY)
        low, high = np.where(wide, precision, low), np.where(wide, high, precision)
    return np.asarray((shares + shares.T) / (2 * len(points)))
