"""`seglet publish`: writes a segmenter with its model card for the Hugging Face hub, and uploads it if asked."""

import argparse
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import UsageError, add_json

_DESCRIPTION = """\
Write a segmenter with a model card (purpose, training data, scores, licences of all parts) as a folder for the Hugging
Face hub. Nothing is uploaded unless --to names a repository there; log in with the hub's own tools before.
  seglet publish runs/mine --licence cc-by-4.0 --data-licence cc0-1.0 --out published
  seglet publish runs/mine --licence cc-by-4.0 --out published --to owner/name
Others then load it with seglet.load("owner/name")."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a segmenter's")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for model and card")
    parser.add_argument(
        "--licence", default="", help="licence of the weights, in the hub's spelling: mit, cc-by-4.0, …"
    )
    parser.add_argument("--data-licence", default="", help="licence of the training data")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores that `seglet evaluate --out FILE` wrote")
    parser.add_argument("--to", metavar="OWNER/NAME", help="repository to upload it to")
    parser.add_argument("--public", action="store_true", help="make a new repository public, not private")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.engine.provenance import CardOptions, read_provenance
    from seglet.inference.models import model_folder
    from seglet.models.io.model_card import LICENCE_NOT_STATED
    from seglet.models.segmenter import Segmenter

    if arguments.to is not None and arguments.to.count("/") != 1:
        raise UsageError(f"--to names a repository as OWNER/NAME, got {arguments.to!r}")
    if arguments.out.exists() and (not arguments.out.is_dir() or any(arguments.out.iterdir())):
        raise ValueError(f"{str(arguments.out)!r} is not empty; choose a new folder with --out")
    model = Segmenter.load(model_folder(arguments.run))
    card = CardOptions(arguments.to or "", arguments.licence, arguments.data_licence, arguments.scores)
    provenance = read_provenance(Path(arguments.run), card)
    model.publish(arguments.out, provenance)
    missing = [part.name for part in provenance.parts if part.licence == LICENCE_NOT_STATED]
    lines = [f"{arguments.out} holds the segmenter and its card, README.md; check the card before you publish it"]
    if not provenance.licence:
        missing.insert(0, "these weights (--licence)")
    if missing:
        lines.append(f"the card states no licence of: {', '.join(missing)}")
    if arguments.to is not None:
        model.push_to_hub(arguments.to, provenance, private=not arguments.public)
        lines.append(f'uploaded; use it with seglet.load("{arguments.to}")')
    content = {"out": str(arguments.out), "uploaded": arguments.to, "licences_missing": missing}
    print_result("\n".join(lines), content, arguments.json)
    return 0
