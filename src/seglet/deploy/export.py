"""Exports a segmenter to an ONNX file, compares both, and measures what 8-bit numbers cost."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from seglet._version import __version__
from seglet.data.dataset import Dataset
from seglet.data.opening import open_dataset
from seglet.deploy.image_graph import (
    check_exportable_whole,
    compare_image_graph,
    describe_image_graph,
    write_image_graph,
)
from seglet.deploy.onnx_graph import export_facts, quantise_graph, write_graph, write_metadata
from seglet.deploy.parity import (
    LARGEST_DIFFERENCE,
    LEAST_EQUAL,
    LogitsOf,
    Parity,
    compare_networks,
    median_milliseconds,
    resized_example,
)
from seglet.engine.output_folder import check_writable
from seglet.files import replace_atomically
from seglet.images import MAX_PIXELS
from seglet.inference.evaluate import ScoringOptions, score_model
from seglet.inference.inputs import gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.models import check_classes, model_folder, weights_hash
from seglet.models.network import evaluation_mode
from seglet.models.onnx_segmenter import (
    ONNX_SUFFIX,
    ExportFacts,
    OnnxNetwork,
    load_exported,
    open_onnx_session,
    read_export_facts,
)
from seglet.models.segmenter import Segmenter, load

_COMPARED_SIZES = ((192, 256), (320, 224))
"""Sizes at which the graph is compared with the network; it is traced with neither."""

_EXAMPLES = 8
"""Images that they are compared on."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export, and of the comparison of graph and network.

    Args:
        out: the file to write, ending in .onnx.
        overwrite: replace a file that is there.
        size: rows and columns of the images, for a graph of one size.
        images: images to compare on, or files and folders of them; if none, those of the data, or drawn scenes.
        int8: also write a file with 8-bit numbers, and measure the mIoU that they cost.
        data: data with masks for that, or a name of them.
        split: split of the data.
        max_pixels: pixels that an image among the files may have.
        with_preprocess: also write a file that takes images of bytes and gives labels.
        with_confidence: that file also gives the probability of each label.

    Raises:
        ValueError: the file has another ending, exists already, or cannot be written; or there are no data for `int8`,
            or a confidence is asked for without `with_preprocess`.
    """

    out: Path
    overwrite: bool = False
    size: tuple[int, int] | None = None
    images: Sequence[Path | np.ndarray] = ()
    int8: bool = False
    data: Dataset | str | None = None
    split: str = "val"
    max_pixels: int = MAX_PIXELS
    with_preprocess: bool = False
    with_confidence: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix != ONNX_SUFFIX:
            raise ValueError(f"--out names the file to write, ending in .onnx; got {str(self.out)!r}")
        if self.int8 and self.data is None:
            raise ValueError("--int8 measures what 8-bit numbers cost; name images with masks with --data DATA")
        if self.with_confidence and not self.with_preprocess:
            raise ValueError("--with-confidence is an output of the file of --with-preprocess; give both, or neither")
        if self.out.exists() and not self.overwrite:
            raise ValueError(f"{str(self.out)!r} is there already; choose another --out, or --overwrite it")
        check_writable(self.out)


def export_segmenter(model: Segmenter | str | PathLike[str], options: ExportOptions) -> JobReport:
    """Exports a segmenter, unless the graph disagrees with it.

    Raises:
        ValueError: there is no such model, it is exported already, cannot be exported, or the graph disagrees with it.
    """
    name = type(model).__name__ if isinstance(model, Segmenter) else fspath(model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = _saved(model, Path(scratch)) if isinstance(model, Segmenter) else model_folder(name)
        if folder.suffix == ONNX_SUFFIX or (isinstance(model, Segmenter) and read_export_facts(model) is not None):
            raise ValueError(f"{name} is exported already; give the segmenter it was made of")
        segmenter = load(folder)
        if segmenter.architecture.channels is not None:
            if options.int8:
                raise ValueError("--int8 is measured on colour images, and this model takes measured channels; leave "
                                 "it out")  # fmt: skip
            options = replace(options, images=(), data=None)  # drawn scenes take their range
        images = _example_images(options)
        record: dict[str, Any] = {"seglet": __version__, "model": name, "out": str(options.out)}
        if options.with_preprocess:
            check_exportable_whole(export_facts(segmenter, options.size, ""))
        with evaluation_mode(segmenter):
            record |= write_compared(segmenter, weights_hash(folder), options.size, images, options.out)
            if options.with_preprocess:
                record["with_preprocess"] = _write_whole(segmenter, images, options, weights_hash(folder))
        record["bytes_original"] = (folder / "model.safetensors").stat().st_size
    if options.int8:
        record["int8"] = _write_int8(segmenter, images, options)
    return JobReport(options.out, record, _summary(record))


def _saved(model: Segmenter, parent: Path) -> Path:
    if read_export_facts(model) is None:
        model.save(parent / "segmenter")
    return parent / "segmenter"


def _example_images(options: ExportOptions) -> list[np.ndarray]:
    if options.images:
        arrays = [image for image in options.images if isinstance(image, np.ndarray)]
        paths = [image for image in options.images if isinstance(image, Path)]
        found = gather_images(paths, options.out, options.max_pixels) if paths else []
        some = found[:: max(1, len(found) // _EXAMPLES)][:_EXAMPLES]
        return (arrays + [image.read() for image in some])[:_EXAMPLES]
    named = options.data if options.data is not None else "world:scenes=8"
    data = open_dataset(named, options.split) if isinstance(named, str) else named
    return [data[index * len(data) // _EXAMPLES].image for index in range(min(_EXAMPLES, len(data)))]


def write_compared(
    model: Segmenter, weights: str, size: tuple[int, int] | None, images: Sequence[np.ndarray], out: Path
) -> dict[str, Any]:
    """Writes the file, unless it disagrees with the network; returns how it compares.

    Raises:
        ValueError: it disagrees, or the network cannot be exported.
    """
    facts = export_facts(model, size, weights)
    sizes = _COMPARED_SIZES if size is None else (size,)
    with replace_atomically(out) as temporary:
        named = temporary.with_suffix(ONNX_SUFFIX)
        write_graph(model, facts, named)
        parities = _checked_parities(model, named, facts, images, sizes)
        write_metadata(named, facts, {"parity": [asdict(parity) for parity in parities]})
        named.replace(temporary)
    runs = {"exported": _graph_logits(out, facts), "original": _network_logits(model, facts)}
    times = {name: median_milliseconds(each, sizes[0], facts.planes) for name, each in runs.items()}
    return {
        "size": size,
        "parity": [asdict(parity) for parity in parities],
        "milliseconds": times,
        "timed_at": list(sizes[0]),
        "bytes": out.stat().st_size,
    }


def _checked_parities(
    model: Segmenter,
    file: Path,
    facts: ExportFacts,
    images: Sequence[np.ndarray],
    sizes: Sequence[tuple[int, int]],
) -> list[Parity]:
    """Returns the parity at each size.

    Raises:
        ValueError: the file gives something else than the network.
    """
    exported, network = _graph_logits(file, facts), _network_logits(model, facts)
    try:
        parities = [compare_networks(network, exported, images, size, facts.planes) for size in sizes]
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise ValueError(f"the exported graph fails where the network does not ({error}); try --size H W") from error
    _check_parities(parities)
    return parities


def _check_parities(parities: Sequence[Parity]) -> None:
    """Checks that a graph gives what the network gives.

    Raises:
        ValueError: it does not.
    """
    for one in parities:
        if not one.holds:
            raise ValueError(
                f"the exported graph disagrees with the network at {one.size[0]}x{one.size[1]}: probabilities differ "
                f"by up to {one.difference:.2g} (allowed {LARGEST_DIFFERENCE:g}), {100 * one.equal:.2f} % of labels "
                f"are equal (needed {100 * LEAST_EQUAL:g} %); no file was written. Try --size H W, and report it"
            )


def _write_whole(
    model: Segmenter, images: Sequence[np.ndarray], options: ExportOptions, weights: str
) -> dict[str, Any]:
    """Writes the file from images of bytes to labels, unless it disagrees with the network; returns how it compares."""
    facts = export_facts(model, options.size, weights)
    out = options.out.with_suffix(f".uint8{ONNX_SUFFIX}")
    sizes = _COMPARED_SIZES if options.size is None else (options.size,)
    with replace_atomically(out) as temporary:
        graph = temporary.with_suffix(ONNX_SUFFIX)
        write_image_graph(options.out, graph, facts, options.with_confidence)
        parities = compare_image_graph(graph, model, images, facts, sizes)
        _check_parities(parities)
        describe_image_graph(graph, facts, {"parity": [asdict(parity) for parity in parities]})
        graph.replace(temporary)
    return {"out": str(out), "bytes": out.stat().st_size, "parity": [asdict(parity) for parity in parities]}


def _graph_logits(file: Path, facts: ExportFacts) -> LogitsOf:
    network = OnnxNetwork(open_onnx_session(file), facts)
    return lambda images: network(_in_stored_values(images, facts)).logits


def _network_logits(model: Segmenter, facts: ExportFacts) -> LogitsOf:
    run: LogitsOf = model if facts.whole else lambda images: model.network(images).logits
    return lambda images: run(_in_stored_values(images, facts))


def _in_stored_values(images: Tensor, facts: ExportFacts) -> Tensor:
    """Returns examples in [0, 1] in the range of the channels that a network takes; colours as they are."""
    channels = facts.architecture.channels
    if channels is None:
        return images
    low, high = (images.new_tensor([getattr(one, name) for one in channels])[:, None, None] for name in ("low", "high"))
    return low + images * (high - low)


def _write_int8(model: Segmenter, images: Sequence[np.ndarray], options: ExportOptions) -> dict[str, Any]:
    """Writes the file with 8-bit numbers; returns how it compares with the other, and the mIoU of both."""
    assert options.data is not None  # checked by the options
    data = options.data
    if isinstance(data, str):
        data = open_dataset(data, options.split, whole_masks=True)
    check_classes(model.classes, data.classes)
    out = options.out.with_suffix(f".int8{ONNX_SUFFIX}")
    floats = load_exported(options.out)
    facts = read_export_facts(floats)
    assert facts is not None  # it was exported just now
    size = facts.size or _COMPARED_SIZES[0]
    with replace_atomically(out) as temporary:
        graph = temporary.with_suffix(ONNX_SUFFIX)
        quantise_graph(
            options.out,
            graph,
            [_in_stored_values(resized_example(image, size, facts.planes), facts).numpy() for image in images],
        )
        write_metadata(graph, facts, {"int8": True})
        graph.replace(temporary)
    exported, network = _graph_logits(out, facts), _network_logits(model, facts)
    parity = compare_networks(network, exported, images, size, facts.planes)
    scores = {
        name: score_model(each, data, options.split, ScoringOptions(workers=0)).evaluation.miou
        for name, each in (("float", floats), ("int8", load_exported(out)))
    }
    return {
        "out": str(out), "bytes": out.stat().st_size, "equal": parity.equal, "miou": scores,
        "lost": scores["float"] - scores["int8"], "milliseconds": median_milliseconds(exported, size, facts.planes),
    }  # fmt: skip


def _summary(record: dict[str, Any]) -> list[str]:
    times, size = record["milliseconds"], record["timed_at"]
    free = "any number, height and width" if record["size"] is None else "any number of images of one size"
    sizes = f"{record['bytes'] / 1e6:.2f} MB (the segmenter has {record['bytes_original'] / 1e6:.2f} MB)"
    lines = [
        f"{record['out']}: {sizes}, {free}",
        *(
            f"at {one['size'][0]}x{one['size'][1]}, {one['images']} images: probabilities differ by at most "
            f"{one['difference']:.1e}, {100 * one['equal']:.2f} % of labels are equal"
            for one in record["parity"]
        ),
        f"an image of {size[0]}x{size[1]} takes {times['exported']:.1f} ms, in PyTorch {times['original']:.1f} ms",
    ]
    if int8 := record.get("int8"):
        lines += [
            f"{int8['out']}: {int8['bytes'] / 1e6:.2f} MB, {int8['milliseconds']:.1f} ms, "
            f"{100 * int8['equal']:.2f} % of labels are equal",
            f"mIoU {100 * int8['miou']['int8']:.2f} % with 8-bit numbers, {100 * int8['miou']['float']:.2f} % without",
        ]
    if whole := record.get("with_preprocess"):
        least = min(one["equal"] for one in whole["parity"])
        lines.append(f"{whole['out']}: from uint8 [number, height, width, 3] to class ids, "
                     f"{100 * least:.2f} % of labels or more are equal")  # fmt: skip
    return [*lines, f"next: seglet predict {record['out']} IMAGES --out predictions"]
