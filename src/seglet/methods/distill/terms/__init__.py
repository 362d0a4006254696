"""The terms that can be combined, by the names an experiment gives them."""

from collections.abc import Mapping
from types import MappingProxyType

from seglet.methods.distill.terms import networks, pixels, relations
from seglet.methods.distill.terms.base import Term

TERMS: Mapping[str, type[Term]] = MappingProxyType(
    {
        "kl": pixels.KL,
        "mse": pixels.MSE,
        "at": pixels.AT,
        "skd": pixels.SKD,
        "skd-original": pixels.CoarseSKD,
        "holistic": networks.Holistic,
        "ifvd": pixels.IFVD,
        "cwd": pixels.CWD,
        "cirkd-minibatch": relations.Minibatch,
        "cirkd-memory": relations.Memory,
        "afdcd": networks.AfDCD,
        "dist": pixels.DIST,
        "diffkd": networks.DiffKD,
    }
)
