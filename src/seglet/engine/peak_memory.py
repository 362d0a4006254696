"""Device of a run and the most memory that it took."""

import platform
import sys

import torch


def device_name(device: torch.device) -> str:
    """Returns the name of a GPU, or of the machine's processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return device.type if device.type != "cpu" else f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def peak_memory(device: torch.device) -> int | None:
    """Returns the most memory in bytes that this process has taken on the device, or None where that is not counted.

    On a GPU it is the memory of tensors, on a processor that of the whole process since its start.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
