"""Features of pixels on a plane: those that the network finds alike lie together. Axes: n pixels, c channels."""

import numpy as np
from jaxtyping import Float

STEPS, PERPLEXITY, RATE = 300, 30.0, 100.0
EARLY, EXAGGERATION = 75, 8.0


def principal(features: Float[np.ndarray, "n c"], count: int = 2) -> Float[np.ndarray, "n d"]:
    """The `count` directions in which the features differ most, or fewer if they have no more."""
    centred = np.asarray(features - features.mean(axis=0), np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray((left * sizes)[:, :count])


def tsne(features: Float[np.ndarray, "n c"], seed: int = 0) -> Float[np.ndarray, "n 2"]:
    """Neighbours in the space of features stay neighbours on the plane; distances between groups mean little.

    The first 30 principal components are used. Too few pixels for a neighbourhood are laid out by `principal`.

    Source: van der Maaten and Hinton, JMLR 2008, with the exact gradient.
    """
    if len(features) < 3 * PERPLEXITY:
        flat = principal(features)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    wanted = _neighbourhoods(principal(features, 30))
    place = np.random.default_rng(seed).normal(0, 1e-4, (len(features), 2))
    speed, gain = np.zeros_like(place), np.ones_like(place)
    for step in range(STEPS):
        gradient = _gradient(place, wanted * (EXAGGERATION if step < EARLY else 1))
        gain = np.where(np.sign(gradient) == np.sign(speed), gain * 0.8, gain + 0.2).clip(0.01)
        speed = (0.5 if step < EARLY else 0.8) * speed - RATE * gain * gradient
        place = place + speed
        place -= place.mean(axis=0)
    return place


def _gradient(place: Float[np.ndarray, "n 2"], wanted: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n 2"]:
    near = 1 / (1 + _distances(place))
    np.fill_diagonal(near, 0)
    pull = (wanted - near / near.sum()) * near
    return np.asarray(4 * (pull.sum(axis=1, keepdims=True) * place - pull @ place))


def _distances(points: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n n"]:
    squares = (points**2).sum(axis=1)
    return np.asarray((squares[:, None] + squares - 2 * points @ points.T).clip(0))


def _neighbourhoods(points: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n n"]:
    """Probabilities that two are neighbours, with a width for each point that gives it `PERPLEXITY` of them."""
    distances = _distances(points)
    low, high = np.full(len(points), 1e-12), np.full(len(points), 1e12)
    for _ in range(60):
        precision = np.sqrt(low * high)
        near = np.exp(-(distances - np.partition(distances, 1, axis=1)[:, 1:2]).clip(0) * precision[:, None])
        np.fill_diagonal(near, 0)
        shares = near / near.sum(axis=1, keepdims=True)
        spread = -(shares * np.log(shares.clip(1e-300))).sum(axis=1)
        wide = spread > np.log(PERPLEXITY)
        low, high = np.where(wide, precision, low), np.where(wide, high, precision)
    return np.asarray((shares + shares.T) / (2 * len(points)))
