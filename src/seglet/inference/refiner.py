"""Which refiner moves score maps to image edges, and its settings."""

from dataclasses import dataclass
from typing import Any

REFINERS = ("pamr", "par", "crf")


CRF_SETTINGS = ("ssss", "labels", "weclip", "seco", "excel")


REFINER_STEPS = 10  # all the papers that `labels.crf_settings` names, and PAMR and PAR on VOC


@dataclass(frozen=True)
class Refiner:
    """`steps` are iterations for a CRF; `crf_settings` names one of `labels.crf_settings`, and is empty for others."""

    name: str
    steps: int = REFINER_STEPS
    crf_settings: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        own = {"crf_settings": self.crf_settings} if self.crf_settings else {}
        return {"refiner": self.name, "steps": self.steps, **own}
