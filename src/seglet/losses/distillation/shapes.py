"""What two feature maps must have in common before they can be compared."""

from torch import Tensor

from seglet.losses.distillation.vectors import same_pixels


def check_same_shape(student: Tensor, teacher: Tensor) -> None:
    """Raises ValueError unless the maps agree in every axis and hold something."""
    _check_not_empty(student)
    if student.shape != teacher.shape:
        raise ValueError(
            f"student map {tuple(student.shape)} and teacher map {tuple(teacher.shape)} differ;"
            " give the student the teacher's channels with a 1x1 adaptor and resize one map to the other's size"
        )


def check_same_places(student: Tensor, teacher: Tensor) -> None:
    """Raises ValueError unless the maps agree in every axis but the channels and hold something."""
    _check_not_empty(student)
    same_pixels(student, teacher)


def _check_not_empty(student: Tensor) -> None:
    if not student.numel():
        raise ValueError(f"student map {tuple(student.shape)} is empty; leave empty batches out")


def check_temperature(temperature: float) -> None:
    """Raises ValueError unless it is positive."""
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}; 1 leaves the probabilities as they are")
