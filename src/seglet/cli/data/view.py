"""`seglet data view`: the first augmented views of a training run, as one sheet."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.output import print_result
from seglet.cli.parsing import whole_number
from seglet.engine.output_folder import check_writable
from seglet.images import overlay_labels

if TYPE_CHECKING:
    import numpy as np

    from seglet.data.dataset import Dataset
    from seglet.engine.settings import Settings

_DESCRIPTION = """\
Draw the first augmented views of a training run: its images in its order, with its scaling, crops, flips and colours.
Each row has a whole image with its mask, the view taken of it, and the view with its mask; without masks, its tags.
Keys of the experiment may be given as in training, and are chosen as there without a file:
  seglet data view images --out views.png --crop 256 256 --colour_jitter 0.3 --seed 1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", metavar="DIR|world", help="a data set's folder, or world for the embedded one")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file of the sheet, a PNG")
    parser.add_argument("--config", type=Path, help="experiment file, or FILE#ROW, whose keys decide the views")
    parser.add_argument("--count", type=whole_number(1, 1000), default=8, help="number of views (default 8)")


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import parse_keys
    from seglet.data.overlay import class_legend, contact_sheet
    from seglet.engine.datasets import training_data
    from seglet.files import replace_atomically

    if arguments.out.suffix.lower() != ".png":
        raise ValueError(f"the sheet is a PNG, but {str(arguments.out)!r} does not end in .png; rename it")
    check_writable(arguments.out)
    settings = _settings(arguments.config, {**parse_keys(rest), "data": arguments.data})
    data = training_data(settings)
    sheet = contact_sheet(view_rows(data, settings, arguments.count), footer=class_legend(data.classes))
    with replace_atomically(arguments.out) as temporary:
        sheet.save(temporary, "PNG")
    first = data.read(0)
    config = arguments.config or ("ssss" if first.labels is None and first.tags is not None else "supervised")
    text = (
        f"{arguments.count} views of {len(data)} images ({settings.train_split}) are in {arguments.out}\n"
        f"next: {shlex.join(map(str, ('seglet', 'train', config, '--data', arguments.data, *rest)))}"
    )
    print_result(text, {}, as_json=False)
    return 0


def _settings(config: Path | None, keys: dict[str, Any]) -> "Settings":
    """Returns the settings of a run with these keys: those of a file, or what `seglet train supervised` chooses."""
    if config is not None:
        from seglet.engine.experiment import resolve_experiment

        return resolve_experiment(config, keys).settings
    from seglet.engine.choose import choose_experiment

    return choose_experiment({"method": "supervised", **keys}).settings


def view_rows(data: "Dataset", settings: "Settings", count: int) -> list[list["np.ndarray"]]:
    """Draws the first `count` views of a run, a row for each: image with mask, view, view with mask.

    The row of an image without a mask has the image, the view, and its tags if it has some.
    """
    from seglet.data.loading.sample_views import first_views
    from seglet.data.overlay import tag_card
    from seglet.engine.training_loader import drawing_chances, view_augmentation
    from seglet.images.channels import drawn_channels

    def drawn(image: "np.ndarray") -> "np.ndarray":
        return image if data.channels is None else drawn_channels(image, data.channels)

    rows = []
    chances = drawing_chances(settings, data)
    for sample, augmented in first_views(data, view_augmentation(settings), settings.seed, count, chances):
        view = augmented.image.permute(1, 2, 0).numpy()
        view = (view * 255).round().astype("uint8") if data.channels is None else drawn(view)
        if sample.labels is None or augmented.labels is None:
            tags = [] if sample.tags is None else [tag_card(sample.tags, data.classes)]
            rows.append([drawn(sample.image), view, *tags])
        else:
            whole = overlay_labels(drawn(sample.image), sample.labels, data.classes)
            rows.append([whole, view, overlay_labels(view, augmented.labels, data.classes)])
    return rows
