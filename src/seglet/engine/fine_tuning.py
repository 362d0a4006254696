"""Fine-tuning of pretrained weights: frozen parts of the backbone, and rates by depth, as one line that says so."""

from typing import Any

from seglet.engine.learning_rate import learning_rate_factor
from seglet.engine.optimise import parameter_groups
from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.models.backbone_layers import freeze_backbone
from seglet.models.layers.dropout import DropPath
from seglet.models.student import StudentConfig
from seglet.values import ConfigError


def freeze_student(method: Method[Any], config: object, until: str) -> None:
    """Freezes the student's backbone; see `freeze_backbone`.

    Raises:
        ConfigError: its weights are random, so that nothing would ever train them.
    """
    backbone = method.student.network.backbone
    if isinstance(config, StudentConfig) and config.student_weights is None and not backbone.origin:
        raise ConfigError(
            f"freeze: {until} would keep random weights, as this student has no pretrained ones; give student_weights, "
            "choose a backbone with `pretrained` weights, or freeze none"
        )
    freeze_backbone(method.student.network, until)


def check_drop_path(method: Method[Any]) -> None:
    """Checks that the student's backbone has residual branches that can be left out.

    Raises:
        ConfigError: it has none.
    """
    backbone = method.student.network.backbone
    if not any(isinstance(part, DropPath) for part in backbone.modules()):
        raise ConfigError(
            f"drop_path: {method.student.architecture.backbone} has no blocks that are left out; only transformers do: "
            "leave drop_path out, or choose one, such as segformer-mit_b0"
        )


def fine_tuning_note(method: Method[Any], settings: Settings) -> str:
    """Returns a line about frozen parts and learning rates; empty where nothing is frozen and all have one rate."""
    return "; ".join(part for part in (_frozen(method, settings), _rates(method, settings)) if part)


def _frozen(method: Method[Any], settings: Settings) -> str:
    if settings.freeze == "none":
        return ""
    weights = list(method.student.network.parameters())
    frozen = sum(weight.numel() for weight in weights if not weight.requires_grad)
    until = {"backbone": "the backbone", "stem": "the stem"}.get(settings.freeze, f"the stem to {settings.freeze}")
    return f"frozen: {until}, {frozen:,} of {sum(weight.numel() for weight in weights):,} parameters"


def _rates(method: Method[Any], settings: Settings) -> str:
    trained = {name: weight for name, weight in method.named_parameters() if weight.requires_grad}
    groups = parameter_groups(trained, method, settings)
    if len(groups) == 1 and "rate" not in groups[0]:
        return ""
    base = settings.learning_rate * learning_rate_factor(method, settings)
    inside = set(method.student.network.backbone.parameters())
    found: dict[str, set[float]] = {}
    for group in groups:
        place = "backbone" if inside.issuperset(group["params"]) else "head"
        found.setdefault(place, set()).add(group["rate"] * base)
    return "learning rates: " + ", ".join(f"{place} {_range(rates)}" for place, rates in found.items())


def _range(rates: set[float]) -> str:
    low, high = min(rates), max(rates)
    return f"{low:g}" if low == high else f"{low:.3g} to {high:g}"
