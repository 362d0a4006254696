"""Optimisers: parameter groups with their own learning rates, and adversaries trained beside the student."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.methods.protocols import Adversaries

_ADVERSARY_RATE, _ADVERSARY_BETAS = 4e-4, (0.9, 0.99)
"""Learning rate and betas of Adam for adversaries, constant over training; CIRKD code."""


def build_optimiser(method: Method[Any], settings: Settings) -> torch.optim.Optimizer:
    """Builds the optimiser of all trained parameters; by default one group, all with weight decay (CIRKD code).

    With `head_rate`, `bias_rate` or `layer_decay` there are several groups, each with its `rate`, a multiple of the
    learning rate. A method's adversaries are trained beside them by Adam.
    """
    adversaries = _adversaries(method)
    apart = {id(p) for p in adversaries}
    trained = {name: p for name, p in method.named_parameters() if p.requires_grad and id(p) not in apart}
    main = _main(parameter_groups(trained, method, settings), settings)
    if not adversaries:
        return main
    adam = torch.optim.Adam(adversaries, lr=_ADVERSARY_RATE, betas=_ADVERSARY_BETAS)
    adam.param_groups[0]["constant_rate"] = True
    return JointOptimiser([main, adam])


def _adversaries(method: Method[Any]) -> list[nn.Parameter]:
    if not isinstance(method, Adversaries):
        return []
    return [p for p in method.adversaries().parameters() if p.requires_grad]


def parameter_groups(
    trained: Mapping[str, nn.Parameter], method: Method[Any], settings: Settings
) -> list[dict[str, Any]]:
    """Divides parameters into those of backbone and head, weights and biases, and the backbone's by depth.

    One group if all have the same rate. What the backbone got on top of its model, such as depth guidance, counts as
    the head: no pretrained weights exist for it.

    Source: SSSS, models/stage_net.py: 1, 2, 10 and 20 times the rate, no decay of biases.
    """
    if settings.head_rate == settings.bias_rate == settings.layer_decay == 1:
        return [{"params": list(trained.values())}]
    whole = method.student.network.backbone
    added = [part for part in (whole.fusion, *whole.added_parts()) if part is not None]
    backbone = {id(p) for p in whole.parameters()} - {id(p) for part in added for p in part.parameters()}
    depths = _depth_rates(method, settings)
    divided: dict[tuple[bool, float, bool], list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        kind = (id(parameter) not in backbone, depths.get(parameter, 1.0), name.endswith("bias"))
        divided.setdefault(kind, []).append(parameter)
    found = []
    for (head, depth, bias), parameters in sorted(divided.items(), key=lambda group: group[0]):  # the backbone first
        rate = (settings.head_rate if head else depth) * (settings.bias_rate if bias else 1.0)
        spared = {"weight_decay": 0.0} if bias and settings.bias_rate != 1 else {}
        found.append({"params": parameters, "rate": rate, "lr": rate * settings.learning_rate, **spared})
    return found


def _depth_rates(method: Method[Any], settings: Settings) -> Mapping[nn.Parameter, float]:
    if settings.layer_decay == 1:
        return {}
    from seglet.models.backbone_layers import depth_rates

    return depth_rates(method.student.network.backbone, settings.layer_decay)


def _main(trained: list[dict[str, Any]], settings: Settings) -> torch.optim.Optimizer:
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        trained, lr=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


class JointOptimiser(torch.optim.Optimizer):
    """Several optimisers of disjoint parameters that step together."""

    def __init__(self, parts: Iterable[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([{**group} for part in self.parts for group in part.param_groups], defaults={})
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes a step of each optimiser; evaluates the closure, if there is one, once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Returns one state for all parts, whose parameters are numbered consecutively."""
        state: dict[int, Any] = {}
        numbered: list[dict[str, Any]] = []
        for part in self.parts:
            own, begin = part.state_dict(), sum(len(group["params"]) for group in numbered)
            state |= {begin + index: value for index, value in own["state"].items()}
            numbered += [{**group, "params": [begin + i for i in group["params"]]} for group in own["param_groups"]]
        return {"state": state, "param_groups": numbered}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Distributes a state of `state_dict` among the parts."""
        waiting = list(state_dict["param_groups"])
        for part in self.parts:
            mine = [waiting.pop(0) for _ in part.param_groups]
            numbers = [index for group in mine for index in group["params"]]
            state = {index: state_dict["state"][index] for index in numbers if index in state_dict["state"]}
            part.load_state_dict({"state": state, "param_groups": mine})
        self.param_groups = [group for part in self.parts for group in part.param_groups]
