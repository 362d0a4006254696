"""Faster arithmetic in training, off by default: TF32, memory format channels-last, compiled backbones."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.models.network import Network
from seglet.values import ConfigError

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Compiles a function; a test gives another one than torch's."""


def check_compiler(settings: Settings) -> None:
    """Checks, with a function of one line, that torch can compile on this machine, if it is to.

    Raises:
        ConfigError: it cannot.
    """
    if not settings.compile:
        return
    device = "cpu" if settings.accelerator == "cpu" or not torch.cuda.is_available() else "cuda"
    try:
        compile_function(torch.square)(torch.ones(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ConfigError(
            f"compile: torch cannot compile on this machine ({reason}); it needs a C++ compiler, on a GPU Triton too: "
            "install it, or leave compile false"
        ) from error


def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function for each size of its input anew, so that the order in which sizes come changes nothing."""
    compiled: Callable[..., Any] = torch.compile(function, dynamic=False)
    return compiled


@contextlib.contextmanager
def accelerated(method: Method[Any], settings: Settings) -> Iterator[None]:
    """Lets a method be trained within the block as `tf32`, `channels_last` and `compile` say."""
    if settings.channels_last:
        method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with contextlib.ExitStack() as block:
        if settings.tf32 and uses_gpu(settings):
            block.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("high")
        if settings.compile:
            block.enter_context(compiled_backbones(method))
        yield


@contextlib.contextmanager
def compiled_backbones(method: nn.Module, compiler: Compiler = compile_function) -> Iterator[None]:
    """Compiles the backbones of all networks of a method, of its teachers too, within the block.

    Heads are not: stochastic passes run parts of them, with noise of their own. Predictions in inference mode are not
    either, whose images have many sizes. Names of weights stay as they are.
    """
    networks = [part for part in method.modules() if isinstance(part, Network)]
    backbones = list({id(network.backbone): network.backbone for network in networks}.values())
    for backbone in backbones:
        vars(backbone)["forward"] = _compiled_forward(backbone, compiler)  # instead of that of its class
    try:
        yield
    finally:
        for backbone in backbones:
            vars(backbone).pop("forward", None)


def _compiled_forward(backbone: nn.Module, compiler: Compiler) -> Callable[[Tensor], Any]:
    plain = backbone.forward
    compiled = compiler(plain)
    inside = [part for part in backbone.modules() if part is not backbone]

    def forward(images: Tensor) -> Any:
        if torch.is_inference_mode_enabled():
            return plain(images)
        if any(part._forward_hooks for part in inside):
            raise ConfigError(
                "compile: maps are read from within a backbone, by a loss or by transformers itself, which a compiled "
                "one does not have; take them from a stage as a whole (stage1 to stage4), or leave compile false"
            )
        return compiled(images)

    return forward


def uses_gpu(settings: Settings) -> bool:
    """Returns whether training runs on GPUs."""
    return settings.accelerator != "cpu" and torch.cuda.is_available()


def acceleration_notes(settings: Settings) -> list[str]:
    """Returns lines about settings of speed that have no effect here, or take a while."""
    notes = []
    if settings.tf32 and not uses_gpu(settings):
        notes.append("tf32 has no effect on a processor: it is arithmetic of GPUs")
    if "bf16" in settings.precision and not uses_gpu(settings) and not processor_has_bfloat16():
        notes.append(
            f"precision {settings.precision}: this processor has no bfloat16 instructions and would train several "
            "times slower than with --precision 32"
        )
    if settings.compile:
        notes.append("compile: the first step compiles the backbones, which takes a minute or more")
    return notes


def processor_has_bfloat16() -> bool:
    """Returns whether the processor multiplies in bfloat16, or what it does is not known: torch before 2.8, ARM."""
    facts: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return facts.get("architecture") != "x86_64" or bool(facts.get("avx512_bf16") or facts.get("amx_bf16"))
