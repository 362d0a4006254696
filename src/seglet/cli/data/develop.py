"""`seglet data develop`: images from the raw files of cameras."""

import argparse
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

_DESCRIPTION = """\
Develop raw files of cameras into PNG: white balance of the camera, sRGB, and the brightness that was measured, so that
what was dark stays dark. Needs pip install "seglet[raw]". Folders are searched, and OUT has the same folders."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("raw", type=Path, nargs="+", metavar="RAW", help="raw file, or folder of raw files")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the images")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help="bits a channel (default 8)")
    parser.add_argument("--overwrite", action="store_true", help="develop again what is in OUT")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from PIL import Image

    from seglet.files import DataError, path_below, replace_atomically
    from seglet.images import develop_raw_file, write_png16

    made, kept, failed = [], [], []
    for path, name in _raw_files(arguments.raw):
        target = path_below(arguments.out, name, ".png")
        if target.exists() and not arguments.overwrite:
            kept.append(name)
            continue
        try:
            developed = develop_raw_file(path, arguments.bits)
        except DataError as error:
            failed.append({"file": str(path), "reason": str(error)})
            continue
        with replace_atomically(target) as temporary:
            if arguments.bits == 16:
                write_png16(temporary, developed)
            else:
                Image.fromarray(developed).save(temporary, "PNG")
        made.append(name)
    lines = [f"developed: {len(made)}, there before: {len(kept)}, failed: {len(failed)}"]
    lines += [f"not developed: {each['reason']}" for each in failed]
    lines.append(f"the images are in {arguments.out}")
    print_result("\n".join(lines), {"developed": made, "kept": kept, "failed": failed}, arguments.json)
    return 2 if failed else 0


def _raw_files(given: list[Path]) -> list[tuple[Path, str]]:
    """Returns raw files and their names below the folders.

    Raises:
        ValueError: there are none, or two have one name.
    """
    from seglet.data.files import files_below, image_name
    from seglet.images import RAW_SUFFIXES

    found = []
    for path in given:
        files = files_below(path, RAW_SUFFIXES) if path.is_dir() else [path]
        found += [(file, image_name(file, path if path.is_dir() else path.parent)) for file in files]
    if not found:
        kinds = ", ".join(sorted(RAW_SUFFIXES))
        raise ValueError(f"no raw files in {', '.join(map(str, given))}; expected {kinds}")
    names = [name for _, name in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two raw files are called {twice[0]!r}; give them --out folders of their own")
    return found
