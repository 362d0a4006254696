"""`seglet backbones`: the backbones that a student can have, their weights and licences."""

import argparse
from typing import TYPE_CHECKING, Any

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

if TYPE_CHECKING:
    from seglet.models.backbone_list import KnownBackbone

_DESCRIPTION = """\
List the backbones that are known by name. A student is HEAD-BACKBONE:
  seglet train supervised --data DIR --student fpn-efficientnet_lite1
Other models of the same families can be named, too; see docs/backbones.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--speed", action="store_true", help="measure each on an image of 512 x 512, on one core; takes some minutes"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.models.backbone_list import known_backbones

    found = known_backbones()
    times = {each.name: _milliseconds(each) for each in found} if arguments.speed else {}
    content = [_content(each, times) for each in found]
    print_result("\n".join(_lines(content, arguments.speed)), {"backbones": content}, arguments.json)
    return 0


def _milliseconds(backbone: "KnownBackbone") -> float | None:
    from seglet.models.backbone_list import measure_backbone

    return None if ":" in backbone.name and not backbone.installed else measure_backbone(backbone)


def _content(backbone: "KnownBackbone", times: dict[str, float | None]) -> dict[str, Any]:
    speed = {"milliseconds": times[backbone.name]} if times else {}
    return {
        "name": backbone.name,
        "parameters": round(backbone.parameters, 1),
        "weights": backbone.weights.origin,
        "learnt": backbone.weights.learnt,
        "licence": backbone.weights.licence,
        "installed": backbone.installed,
        "heads": list(backbone.heads),
        **speed,
    }


def _lines(content: list[dict[str, Any]], speed: bool) -> list[str]:
    from seglet.models.backbones.timm_variants import TIMM_FAMILIES
    from seglet.models.backbones.variants import BACKBONE_FAMILIES

    titles = ("backbone", "M", *(("ms",) if speed else ()), "here", "weights", "licence")
    rows = [titles, *(_row(each, speed) for each in content)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    heads: dict[tuple[str, ...], list[str]] = {}
    for each in content:
        heads.setdefault(tuple(each["heads"]), []).append(each["name"])
    lines += ["", "heads:"]
    lines += [f"  {', '.join(of)}: {', '.join(names)}" for of, names in heads.items()]
    families = "; ".join(BACKBONE_FAMILIES[name].about for name in ("vit", "hf"))
    lines += ["", f"hf:OWNER/NAME or hf:FOLDER, with the licence of its page: {families}; Mix Transformers"]
    lines += ["", f"timm:NAME, with ImageNet weights: {'; '.join(TIMM_FAMILIES.values())}"]
    lines += ["", "clip:NAME, the image tower of a CLIP model, frozen or trained: weclip, largefield, deeplabv2"]
    return [*lines, "", "here: the weights are on this machine; M: millions of parameters"]


def _row(each: dict[str, Any], speed: bool) -> tuple[str, ...]:
    time = ("" if each["milliseconds"] is None else f"{each['milliseconds']:.0f}",) if speed else ()
    here = "yes" if each["installed"] else "no"
    origin = f"{each['weights']} ({each['learnt']})" if each["learnt"] else each["weights"]
    return (each["name"], f"{each['parameters']:.1f}", *time, here if each["learnt"] else "", origin, each["licence"])
