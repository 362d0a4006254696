"""The learning rate that WeCLIP, ExCEL and DiCLIP train with: `schedule: poly-warmup`."""


def poly_warmup(step: int, steps: int, warmup: int = 50, ratio: float = 1e-6, power: float = 1.0) -> float:
    """What to multiply the learning rate by, at the step numbered from 0.

    From `ratio` it rises in a line towards 1 over `warmup` steps, then decays to 0 as if it had decayed from the first
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
