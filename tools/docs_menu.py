"""Writes `.zensical.toml`: the configuration of the documentation with its folders listed page by page.

An entry `"FOLDER/*.md"` in the menu of `zensical.toml` stands for all pages of that folder, which Zensical cannot list
by itself. A page needs no title there: Zensical takes its heading.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def with_folders_listed(config: str, docs: Path) -> str:
    """Returns the configuration with each `"FOLDER/*.md"` replaced by the pages below `docs`, in alphabetical order."""

    def pages(entry: re.Match[str]) -> str:
        return ", ".join(f'"{page.relative_to(docs).as_posix()}"' for page in sorted(docs.glob(entry[1])))

    return re.sub(r'"([\w/-]+/\*\.md)"', pages, config)


if __name__ == "__main__":
    source = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    (ROOT / ".zensical.toml").write_text(with_folders_listed(source, ROOT / "docs"), encoding="utf-8")
