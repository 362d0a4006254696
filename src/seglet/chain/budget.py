"""The number of steps that fits into the time, by rough times of a processor; on a GPU the usual one is taken.

Times are those of two cores of a server processor. The step of the default student is measured (`seglet.engine
.choices`), as are labels by ImageNet (weak-voc); factors of other methods count their passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seglet.engine.choices import DataFacts, Machine, choose_settings

_STEP = 1.8
"""Seconds of a core for a million pixels of a training step of the default student."""
_PASS = _STEP / 3
"""The same for a prediction."""
_LABELS = {"imagenet": 7.8, "ssss": 12 * _PASS, "diclip": 60.0, "student": 10 * _PASS}
"""The same for a pseudo label with its refinement, of images at the size that the student reads."""
_STEPS_OF = {"supervised": 1.0, "teacher": 2.2, "fotf": 3.0, "fixmatch": 5.0, "ssss": 1.6}
"""Work of a step of a method, in steps of the default student."""
_COMMAND = 12.0
"""Seconds of a core that a command takes to begin and to end."""
_SPARE = 0.85
_LEAST_STEPS = 200


@dataclass(frozen=True)
class TimeModel:
    """Times of this machine for images of a size, by which steps are chosen.

    Args:
        machine: the hardware.
        data: counts and sizes of the images.
        seconds: time of the whole chain; None if it has no limit.
    """

    machine: Machine
    data: DataFacts
    seconds: float | None

    @property
    def resize(self) -> float:
        """Factor on the size at which images are read, as training chooses it."""
        return float(self.usual("supervised")["resize"])

    def usual(self, method: str, **given: Any) -> Mapping[str, Any]:
        """Returns the settings that `seglet train METHOD` would choose for these data and this machine."""
        choices = choose_settings(self.data, self.machine, {"method": method, **given})
        return {key: value for choice in choices for key, value in choice.values.items()}

    def training(self, method: str, steps: float) -> float:
        """Returns the seconds of so many steps; "teacher" is a supervised one of the larger network."""
        settings = self.usual("supervised")
        height, width = settings["crop"]
        return self._shared(steps * settings["batch"] * height * width / 1e6 * _STEP * _STEPS_OF[method])

    def labelling(self, labeller: str, images: int) -> float:
        """Returns the seconds of making pseudo labels for images."""
        return self._shared(images * self._megapixels * _LABELS[labeller]) + self.command

    def scoring(self, images: int) -> float:
        """Returns the seconds of predicting and scoring images."""
        return self._shared(images * self._megapixels * _PASS) + self.command

    @property
    def command(self) -> float:
        """Seconds that every command takes."""
        return self._shared(_COMMAND)

    def steps(self, methods: tuple[str, ...], others: float) -> int:
        """Returns the steps that each training may take, beside `others`, the seconds of everything else."""
        usual = int(self.usual("supervised")["steps"])
        if self.seconds is None or self.machine.gpu_memory:
            return usual
        left = _SPARE * self.seconds - others
        each = sum(self.training(method, 1.0) for method in methods)
        affordable = int(left / each // 50 * 50) if left > 0 else 0
        return max(min(usual, affordable), _LEAST_STEPS)

    @property
    def _megapixels(self) -> float:
        height, width = self.data.size
        return height * width * self.resize**2 / 1e6

    def _shared(self, seconds: float) -> float:
        return float(seconds / min(self.machine.cores, 8) ** 0.8)
