"""Feature taps: maps inside a network, caught by name while it runs.

A place is `logits`, `feature` or `auxiliary` of a `NetworkOutput`; `stage1` to `stage4` of the backbone; or the name of
any module of the network, such as `backbone.layer3` or `head.aspp`, whose output is caught by a hook.
Axes: b images, c channels, h rows, w columns.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.network import Embedding, Network, NetworkOutput, evaluation_mode
from seglet.values import did_you_mean

OUTPUTS = ("logits", "feature", "auxiliary")
STAGES = ("stage1", "stage2", "stage3", "stage4")


@dataclass(frozen=True)
class TappedOutput:
    """Output of one pass, and the maps at the tapped places."""

    embedding: Embedding
    prediction: NetworkOutput
    maps: Mapping[str, Float[Tensor, "b c h w"]]


def forward_with_taps(network: Network, images: Float[Tensor, "b planes h w"], places: Sequence[str]) -> TappedOutput:
    """Runs a network and catches maps. Unlike in `decode`, a tapped auxiliary head also runs in evaluation mode.

    Raises:
        ValueError: there is no such place, or nothing was caught there; see `check_taps`.
    """
    check_taps(network, places)
    with _catching(network, places) as caught:
        embedding = network.embed(images)
        prediction = network.decode(embedding)
    outputs = {"logits": prediction.logits, "feature": prediction.feature, "auxiliary": prediction.auxiliary}
    if "auxiliary" in places and prediction.auxiliary is None and network.auxiliary is not None:
        outputs["auxiliary"] = network.auxiliary(embedding.auxiliary_in)
    return TappedOutput(embedding, prediction, {place: _map(place, outputs, caught) for place in places})


def check_taps(network: nn.Module, places: Sequence[str]) -> None:
    """Checks that a network has outputs, stages or modules of these names.

    Raises:
        ValueError: a place is no output, stage or module of this network; names the nearest that is.
    """
    modules = [name for name, _ in network.named_modules() if name]
    for place in places:
        if place not in (*OUTPUTS, *STAGES, *modules):
            hint = did_you_mean(place, [*OUTPUTS, *STAGES, *modules], count=3, least=0.4) or "."
            raise ValueError(
                f"there is nothing to tap at {place!r}{hint} There are {', '.join((*OUTPUTS, *STAGES))}, "
                "and the modules of the network by name"
            )


@dataclass
class _Catch:
    """Latest output of a module, and how often it had been written to when it came out."""

    value: Any
    version: int


@contextlib.contextmanager
def _catching(network: nn.Module, places: Sequence[str]) -> Iterator[dict[str, _Catch]]:
    caught: dict[str, _Catch] = {}

    def catch(place: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = _stage(output, place) if place in STAGES else output
            caught[place] = _Catch(value, value._version if isinstance(value, Tensor) else 0)

        return hook

    hooked = [place for place in dict.fromkeys(places) if place not in OUTPUTS]
    names = {place: "backbone" if place in STAGES else place for place in hooked}
    handles = [network.get_submodule(names[place]).register_forward_hook(catch(place)) for place in hooked]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def _stage(stages: Sequence[Tensor], place: str) -> Tensor:
    """Returns a stage of a backbone; one with more than four, a map for each layer, has four quarters of them."""
    return stages[(STAGES.index(place) + 1) * len(stages) // len(STAGES) - 1]


def _map(place: str, outputs: Mapping[str, Tensor | None], caught: Mapping[str, _Catch]) -> Tensor:
    if place in OUTPUTS:
        value = outputs[place]
        if value is None:
            raise ValueError(f"this network has no {place} output to tap; tap another place, or give it one")
        return value
    if place not in caught:
        raise ValueError(
            f"the tap at {place!r} never fired: this network does not run that module as a whole; tap a part of it"
        )
    found = caught[place]
    if not isinstance(found.value, Tensor) or found.value.ndim != 4:
        shape = tuple(found.value.shape) if isinstance(found.value, Tensor) else type(found.value).__name__
        raise ValueError(f"the tap at {place!r} caught {shape}, expected a map [b, c, h, w]; tap another module")
    if found.value._version != found.version:
        raise ValueError(f"what comes out of {place!r} is overwritten by the module that follows; tap that one instead")
    return found.value


@dataclass(frozen=True)
class TapShape:
    """Channels of a tapped map, and how many pixels of an image one position covers."""

    channels: int
    stride: float


@torch.no_grad()
def measure_taps(network: Network, places: Sequence[str], side: int = 64) -> dict[str, TapShape]:
    """Measures the map at each place, in evaluation mode; `network` stays as it was.

    Raises:
        ValueError: a place does not exist, or catches nothing that is a map.
    """
    parameter = next(network.parameters())
    images = torch.zeros(1, 3, side, side, dtype=parameter.dtype, device=parameter.device)
    with evaluation_mode(network):
        maps = forward_with_taps(network, images, places).maps
    return {place: TapShape(found.shape[1], side / found.shape[2]) for place, found in maps.items()}


def freeze_unreached(network: Network, places: Sequence[str], side: int = 64) -> list[str]:
    """Freezes the parameters that no map at these places depends on; returns the parts they belong to.

    A part is named by its first two modules, such as `head.tail`.
    """
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    example = next(network.parameters())
    images = torch.zeros(1, 3, side, side, dtype=example.dtype, device=example.device)
    with evaluation_mode(network), torch.enable_grad():
        reached = torch.stack([found.sum() for found in forward_with_taps(network, images, places).maps.values()]).sum()
        gradients = torch.autograd.grad(reached, list(trained.values()), allow_unused=True)
    unreached = [name for name, gradient in zip(trained, gradients, strict=True) if gradient is None]
    for name in unreached:
        trained[name].requires_grad_(False)
    return list(dict.fromkeys(".".join(name.split(".")[:-1][:2]) for name in unreached))
