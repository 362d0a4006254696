"""Learning-rate schedules, and the factor that a method may put on them."""

from seglet.engine.settings import Settings
from seglet.methods.protocols import LearningRateFactor


def scheduled_learning_rate(step: int, settings: Settings) -> float:
    """Returns the learning rate of the step numbered from 0: a polynomial decay to 0 after a warm-up.

    `schedule: poly` multiplies the decayed rate by a linear warm-up; `poly-warmup` is the function below.
    """
    if settings.schedule == "poly-warmup":
        return settings.learning_rate * poly_warmup(step, settings.steps, settings.warmup, power=settings.power)
    warm = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    decay: float = (1 - step / settings.steps) ** settings.power
    return settings.learning_rate * warm * decay


def poly_warmup(step: int, steps: int, warmup: int = 50, ratio: float = 1e-6, power: float = 1.0) -> float:
    """Returns the factor on the learning rate at the step numbered from 0, as WeCLIP, ExCEL and DiCLIP train.

    From `ratio` it rises linearly towards 1 over `warmup` steps, then decays to 0 as if it had decayed from the first
    step: there is a small jump down. After the last step it stays.

    Raises:
        ValueError: no step, or a negative warm-up.

    Source: code of ExCEL, PolyWarmupAdamW; golden poly_warmup_adamw. DiCLIP's logs: 50 of 20 000 steps on VOC, 200 of
    100 000 on COCO, power 1.
    """
    if steps < 1 or warmup < 0:
        raise ValueError(f"expected at least one step and no negative warm-up, got {steps} and {warmup}")
    if step < warmup:
        return 1 - (1 - step / warmup) * (1 - ratio)
    return float((1 - min(step, steps - 1) / steps) ** power)


def learning_rate_factor(method: object, settings: Settings) -> float:
    """Returns the factor that the method puts on the learning rate for its batch size; 1 for most methods."""
    return method.learning_rate_factor(settings.batch) if isinstance(method, LearningRateFactor) else 1.0
