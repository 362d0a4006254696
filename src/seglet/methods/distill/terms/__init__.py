"""Distillation terms by the names that experiments use."""

from collections.abc import Mapping
from types import MappingProxyType

from seglet.methods.distill.terms import exits, generation, learned_masks, networks, pixels, relations, target_classes
from seglet.methods.distill.terms.base import Term

TERMS: Mapping[str, type[Term]] = MappingProxyType(
    {
        "kl": pixels.KLTerm,
        "mse": pixels.MSETerm,
        "at": pixels.ATTerm,
        "skd": pixels.SKDTerm,
        "skd-original": pixels.CoarseSKDTerm,
        "holistic": networks.HolisticTerm,
        "ifvd": pixels.IFVDTerm,
        "cwd": pixels.CWDTerm,
        "cirkd-minibatch": relations.MinibatchTerm,
        "cirkd-memory": relations.MemoryTerm,
        "afdcd": networks.AfDCDTerm,
        "dist": pixels.DISTTerm,
        "diffkd": networks.DiffKDTerm,
        "dkd": target_classes.DKDTerm,
        "nkd": target_classes.NKDTerm,
        "mgd": generation.MGDTerm,
        "maskd": learned_masks.MasKDTerm,
        "ofa": exits.OFATerm,
    }
)
