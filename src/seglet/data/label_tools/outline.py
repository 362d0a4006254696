"""Outlines of masks as polygons along the sides of pixels; drawing them restores the mask exactly.

Axes: h rows, w columns, n corners. A side of a pixel is numbered 4 * pixel + direction; the directions are right (top
side), down (right side), left (bottom side), up (left side), so that the inside always lies to the right.
"""

import numpy as np
from jaxtyping import Bool, Int64

_RIGHT, _DOWN, _LEFT, _UP = range(4)
_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
_STARTS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
Polygon = Int64[np.ndarray, "n 2"]


def mask_outlines(inside: Bool[np.ndarray, "h w"]) -> list[Polygon]:
    """Returns a polygon of corners (x, y) for each piece of pixels connected by their sides; none for an empty mask.

    A hole is joined to the outline on its left by a cut of no width, which the polygon follows twice.
    """
    height, width = inside.shape
    padded = np.pad(inside, 1)
    around = np.stack([padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2]], axis=-1)
    sides = np.flatnonzero(inside[..., None] & ~around)
    if not len(sides):
        return []
    following = _following(sides, width, height)
    place = {int(side): index for index, side in enumerate(sides)}
    loops = _loops(following)
    path = _Path(sides, width, following)
    for loop in loops:
        if path.area(loop) < 0:
            path.cut(loop, inside, place)
    return path.polygons()


def _following(sides: np.ndarray, width: int, height: int) -> np.ndarray:
    """Returns the index of the side after each side; of two candidates the right one, around the same pixel."""
    at = np.full(((width + 1) * (height + 1), 4), -1)
    x, y, direction = _where(sides, width)
    at[y * (width + 1) + x, direction] = np.arange(len(sides))
    ahead = _STEPS[direction]
    end = (y + ahead[:, 1]) * (width + 1) + x + ahead[:, 0]
    right, straight, left = (at[end, (direction + turn) % 4] for turn in (1, 0, 3))
    return np.asarray(np.where(right >= 0, right, np.where(straight >= 0, straight, left)))


def _where(sides: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns x and y of the corner where each side begins, and its direction."""
    pixel, direction = np.divmod(sides, 4)
    start = _STARTS[direction]
    return pixel % width + start[:, 0], pixel // width + start[:, 1], direction


def _loops(following: np.ndarray) -> list[list[int]]:
    """Returns the indices of the sides of each closed loop."""
    after, visited, loops = following.tolist(), [False] * len(following), []
    for first in range(len(after)):
        loop, side = [], first
        while not visited[side]:
            visited[side] = True
            loop.append(side)
            side = after[side]
        if loop:
            loops.append(loop)
    return loops


class _Path:
    """Corners linked in the order of the outline, relinked while holes are cut open."""

    def __init__(self, sides: np.ndarray, width: int, following: np.ndarray) -> None:
        x, y, direction = _where(sides, width)
        self.sides, self.width = sides, width
        self.x, self.y, self.direction = x.tolist(), y.tolist(), direction.tolist()
        self.after: list[int] = following.tolist()
        self.before = np.argsort(following).tolist()

    def area(self, loop: list[int]) -> float:
        """Returns the signed area of a loop, positive around a piece and negative around a hole."""
        return float(sum(self.x[side] * int(_STEPS[self.direction[side], 1]) for side in loop))

    def cut(self, hole: list[int], inside: Bool[np.ndarray, "h w"], place: dict[int, int]) -> None:
        """Joins a hole to the outline left of its leftmost side."""
        entry = min((side for side in hole if self.direction[side] == _DOWN), key=lambda side: self.x[side])
        row, column = self.y[entry], self.x[entry] - 1
        outside = np.flatnonzero(~inside[row, :column])
        left = int(outside[-1]) + 1 if len(outside) else 0
        outer = place[4 * (row * self.width + left) + _UP]  # ends where the cut begins, at (left, row)
        there, back = self._corner(left, row, _RIGHT), self._corner(column + 1, row, _LEFT)
        last, onward = self.before[entry], self.after[outer]
        for one, two in ((outer, there), (there, entry), (last, back), (back, onward)):
            self.after[one], self.before[two] = two, one

    def _corner(self, x: int, y: int, direction: int) -> int:
        self.x.append(x)
        self.y.append(y)
        self.direction.append(direction)
        self.after.append(-1)
        self.before.append(-1)
        return len(self.x) - 1

    def polygons(self) -> list[Polygon]:
        """Returns the closed loops, without corners on straight lines."""
        found = []
        for loop in _loops(np.array(self.after)):
            turns = [side for side in loop if self.direction[self.before[side]] != self.direction[side]]
            found.append(np.array([(self.x[side], self.y[side]) for side in turns], np.int64))
        return found
