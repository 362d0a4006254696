"""`seglet export`: a segmenter as an ONNX file that was compared with it."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.output import check_writable, print_result
from seglet.cli.parsing import UsageError, add_json, whole_number

if TYPE_CHECKING:
    import numpy as np

    from seglet.deploy.onnx_export import Parity
    from seglet.models.onnx_segmenter import ExportFacts
    from seglet.models.segmenter import Segmenter

SIZES = ((192, 256), (320, 224))
"""Where the exported graph is compared with the network: two shapes, none of them the one it was traced with."""
COUNT = 8
DESCRIPTION = """\
Write a segmenter as an ONNX file, for onnxruntime, without PyTorch: RGB images in 0 to 1 in, logits at their size
out, whatever their number, height and width. Classes, colours and preprocessing are in its metadata.
  seglet export MODEL --images IMAGES --out model.onnx
The file is compared with the network on images at two sizes before it gets its name; where they disagree, there is
no file. `seglet predict` and `seglet evaluate` take it as a model. With --int8 a second file with 8-bit numbers is
written, and the mIoU it loses on --data is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a segmenter's folder, a run's folder, or a name on the hub")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write, ending in .onnx")
    parser.add_argument("--overwrite", action="store_true", help="write over a file that is there")
    parser.add_argument(
        "--size", type=whole_number(32, 16384), nargs=2, metavar=("H", "W"), help="for images of one size only"
    )
    parser.add_argument(
        "--images", type=Path, nargs="+", metavar="INPUT", help="to compare on (those of --data, or drawn scenes)"
    )
    parser.add_argument("--int8", action="store_true", help="also write FILE.int8.onnx, with 8-bit numbers")
    parser.add_argument("--data", help="with masks, for --int8: a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="which part of --data (default val)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.models import load_model, model_folder, weights_hash

    check(arguments)
    folder = model_folder(arguments.model)
    if folder.suffix == ".onnx":
        raise ValueError(f"{arguments.model} is exported already; give the segmenter it was made of")
    model = load_model(str(folder), "cpu")
    size = None if arguments.size is None else (arguments.size[0], arguments.size[1])
    images = example_images(arguments)
    content: dict[str, Any] = {"seglet": __version__, "model": arguments.model, "out": str(arguments.out)}
    content |= export(model, weights_hash(folder), size, images, arguments.out)
    content["bytes_original"] = (folder / "model.safetensors").stat().st_size
    if arguments.int8:
        content["int8"] = export_int8(model, images, arguments)
    print_result(text(content), content, arguments.json)
    return 0


def check(arguments: argparse.Namespace) -> None:
    """
    Raises:
        ValueError: options contradict each other, or the file cannot be written.
    """
    if arguments.out.suffix != ".onnx":
        raise UsageError(f"--out names the file to write, ending in .onnx; got {str(arguments.out)!r}")
    if arguments.int8 and arguments.data is None:
        raise UsageError("--int8 measures what 8-bit numbers cost; name images with masks with --data DATA")
    if arguments.out.exists() and not arguments.overwrite:
        raise ValueError(f"{str(arguments.out)!r} is there already; choose another --out, or --overwrite it")
    check_writable(arguments.out)


def example_images(arguments: argparse.Namespace) -> "list[np.ndarray]":
    """Some that the file is compared on."""
    from seglet.data.opening import open_dataset
    from seglet.inference.inputs import gather_images

    if arguments.images is not None:
        found = gather_images(arguments.images, arguments.out)
        return [image.read() for image in found[:: max(1, len(found) // COUNT)][:COUNT]]
    data = open_dataset(arguments.data or "world:scenes=8", arguments.split)
    return [data.read(index * len(data) // COUNT).image for index in range(min(COUNT, len(data)))]


def export(
    model: "Segmenter", weights: str, size: tuple[int, int] | None, images: "list[np.ndarray]", out: Path
) -> dict[str, Any]:
    """Writes the file, unless it disagrees with the network; says how it compares.

    Raises:
        ValueError: it disagrees, or the network cannot be exported.
    """
    from seglet.deploy.onnx_export import export_facts, median_milliseconds, write_graph, write_metadata
    from seglet.files import replace_atomically

    facts = export_facts(model, size, weights)
    sizes = SIZES if size is None else (size,)
    with replace_atomically(out) as temporary:
        named = temporary.with_suffix(".onnx")
        write_graph(model, facts, named)
        parities = agreement(model, named, facts, images, sizes)
        write_metadata(named, facts, {"parity": [asdict(parity) for parity in parities]})
        named.replace(temporary)
    runs = {"exported": runner(out, facts), "original": original(model, facts)}
    times = {name: median_milliseconds(each, sizes[0], facts.planes) for name, each in runs.items()}
    return {
        "size": size,
        "parity": [asdict(parity) for parity in parities],
        "milliseconds": times,
        "timed_at": list(sizes[0]),
        "bytes": out.stat().st_size,
    }


def agreement(
    model: "Segmenter", file: Path, facts: "ExportFacts", images: "list[np.ndarray]", sizes: tuple[tuple[int, int], ...]
) -> "list[Parity]":
    """
    Raises:
        ValueError: the file gives something else than the network.
    """
    from seglet.deploy.onnx_export import LARGEST_DIFFERENCE, LEAST_EQUAL, compare_networks

    exported, network = runner(file, facts), original(model, facts)
    try:
        found = [compare_networks(network, exported, images, size, facts.planes) for size in sizes]
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise ValueError(f"the exported graph fails where the network does not ({error}); try --size H W") from error
    for one in found:
        if not one.holds:
            raise ValueError(
                f"the exported graph disagrees with the network at {one.size[0]}x{one.size[1]}: probabilities differ "
                f"by up to {one.difference:.2g} (allowed {LARGEST_DIFFERENCE:g}), {100 * one.equal:.2f} % of labels "
                f"are equal (needed {100 * LEAST_EQUAL:g} %); no file was written. Try --size H W, and report it"
            )
    return found


def runner(file: Path, facts: "ExportFacts") -> Any:
    """Images to the graph's logits."""
    from seglet.models.onnx_segmenter import OnnxNetwork, open_onnx_session

    network = OnnxNetwork(open_onnx_session(file), facts)
    return lambda images: network(images).logits


def original(model: "Segmenter", facts: "ExportFacts") -> Any:
    return model if facts.whole else lambda images: model.network(images).logits


def export_int8(model: "Segmenter", images: "list[np.ndarray]", arguments: argparse.Namespace) -> dict[str, Any]:
    """Writes the file with 8-bit numbers; says how it compares with the other, and what mIoU both have."""
    from seglet.data.opening import open_dataset
    from seglet.deploy.onnx_export import (
        compare_networks,
        median_milliseconds,
        quantise_graph,
        resized_example,
        write_metadata,
    )
    from seglet.files import replace_atomically
    from seglet.inference.evaluate import ScoringOptions, score_model
    from seglet.inference.models import check_classes
    from seglet.models.onnx_segmenter import load_exported, read_export_facts

    data = open_dataset(arguments.data, arguments.split, whole_masks=True)
    check_classes(model.classes, data.classes)
    out = arguments.out.with_suffix(".int8.onnx")
    floats = load_exported(arguments.out)
    facts = read_export_facts(floats)
    assert facts is not None  # it was exported just now
    size = facts.size or SIZES[0]
    with replace_atomically(out) as temporary:
        named = temporary.with_suffix(".onnx")
        quantise_graph(arguments.out, named, [resized_example(image, size, facts.planes).numpy() for image in images])
        write_metadata(named, facts, {"int8": True})
        named.replace(temporary)
    ours, network = runner(out, facts), original(model, facts)
    parity = compare_networks(network, ours, images, size, facts.planes)
    scores = {
        name: score_model(each, data, arguments.split, ScoringOptions(workers=0)).evaluation.miou
        for name, each in (("float", floats), ("int8", load_exported(out)))
    }
    return {
        "out": str(out), "bytes": out.stat().st_size, "equal": parity.equal, "miou": scores,
        "lost": scores["float"] - scores["int8"], "milliseconds": median_milliseconds(ours, size, facts.planes),
    }  # fmt: skip


def text(content: dict[str, Any]) -> str:
    times, size = content["milliseconds"], content["timed_at"]
    free = "any number, height and width" if content["size"] is None else "any number of images of one size"
    sizes = f"{content['bytes'] / 1e6:.2f} MB (the segmenter has {content['bytes_original'] / 1e6:.2f} MB)"
    lines = [
        f"{content['out']}: {sizes}, {free}",
        *(
            f"at {one['size'][0]}x{one['size'][1]}, {one['images']} images: probabilities differ by at most "
            f"{one['difference']:.1e}, {100 * one['equal']:.2f} % of labels are equal"
            for one in content["parity"]
        ),
        f"an image of {size[0]}x{size[1]} takes {times['exported']:.1f} ms, in PyTorch {times['original']:.1f} ms",
    ]
    if int8 := content.get("int8"):
        lines += [
            f"{int8['out']}: {int8['bytes'] / 1e6:.2f} MB, {int8['milliseconds']:.1f} ms, "
            f"{100 * int8['equal']:.2f} % of labels are equal",
            f"mIoU {100 * int8['miou']['int8']:.2f} % with 8-bit numbers, {100 * int8['miou']['float']:.2f} % without",
        ]
    return "\n".join([*lines, f"next: seglet predict {content['out']} IMAGES --out predictions"])
