"""Loads networks with transformers and diffusers, which are imported on first use."""

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from seglet.models.foundation.model_folder import weights_variant

AUTO_DTYPE = "auto"
"""Name of the precision that depends on the device; see `dtype_on_device`."""

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_INSTALL = 'pip install "seglet[hub]"'


def import_library(name: str) -> Any:
    """Imports a library of the extra `hub` on first use, as it takes seconds.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"foundation models need {name}, which cannot be imported ({error}); run {_INSTALL}"
        ) from error


def parse_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """Returns the dtype of a name.

    Raises:
        ValueError: it is none that networks compute in here.
    """
    found = _DTYPES.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ValueError(f"expected a dtype of {', '.join(_DTYPES)}, got {dtype!r}")
    return found


def dtype_on_device(dtype: str, device: torch.device) -> torch.dtype:
    """Returns the dtype of a name; `auto` is half precision on a GPU, bfloat16 where it computes in it, else float32.

    Raises:
        ValueError: it is none that networks compute in here.
    """
    if dtype != AUTO_DTYPE:
        return parse_dtype(dtype)
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def check_finite(values: torch.Tensor, what: str, network: torch.nn.Module) -> None:
    """Checks the output of a network for infinities and NaN, which half precision gives if it is too coarse.

    Raises:
        ValueError: it has some; names the output, called `what`, and the precision of the network's weights.
    """
    if not bool(values.isfinite().all()):
        dtype = next(network.parameters()).dtype
        raise ValueError(f"{what} is not finite in {dtype}; use bfloat16 or float32")


def load_network(kind: Any, folder: Path, dtype: str | torch.dtype, idle: Sequence[str] = (), **options: Any) -> Any:
    """Loads a network of a class of transformers or diffusers, with all its weights, frozen and in evaluation mode.

    Args:
        idle: parts of names of weights that may be missing, because the network has them without using them.

    Raises:
        ValueError: the weights do not fit the description beside them.
    """
    wanted = {"dtype" if kind.__module__.startswith("transformers") else "torch_dtype": parse_dtype(dtype)}
    try:
        with quiet_libraries():
            network, report = kind.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                variant=weights_variant(folder),
                **wanted,
                **options,
            )
    except Exception as error:  # the libraries' errors share no base class
        raise ValueError(f"{folder} does not load as {kind.__name__}: {error}") from error
    missing = [name for name in report["missing_keys"] if not any(part in name for part in idle)]
    if wrong := [*missing, *report["mismatched_keys"]]:
        raise ValueError(
            f"the weights in {folder} are not those that its description is of: {len(wrong)} tensors are missing or "
            f"of another shape ({', '.join(sorted(map(str, wrong))[:3])}); download or copy the whole folder again"
        )
    return network.requires_grad_(False).eval()


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silences progress bars and messages of the libraries within the block; loading is checked here instead."""
    loggers = [importlib.import_module(f"{name}.utils.logging") for name in _present("transformers", "diffusers")]
    before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in loggers]
    for log in loggers:
        log.set_verbosity(log.CRITICAL)
        log.disable_progress_bar()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for log, (verbosity, bars) in zip(loggers, before, strict=True):
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()


def _present(*names: str) -> list[str]:
    """Returns the libraries that are already imported."""
    return [name for name in names if sys.modules.get(name)]
