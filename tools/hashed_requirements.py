"""Requirements with hashes, from the report of pip: `python -m tools.hashed_requirements REPORT > requirements.txt`.

The report is of `pip install --dry-run --ignore-installed --report REPORT -c constraints.txt .`, on the kind of machine
that is to be installed. Then `pip install --no-deps --require-hashes -r requirements.txt` accepts these files alone.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def hashed_lines(report: Mapping[str, Any]) -> list[str]:
    """Returns a line for each package of a report, by name; folders, such as this one, have no hash and no line.

    Raises:
        ValueError: pip knew no SHA-256 of a file.
    """
    lines = []
    for one in report["install"]:
        about, origin = one["metadata"], one["download_info"]
        if "dir_info" in origin:
            continue
        digest = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
        if not digest:
            raise ValueError(f"pip reports no sha256 of {about['name']}; install it from an index")
        lines.append(f"{about['name'].lower()}=={about['version']} --hash=sha256:{digest}")
    return sorted(lines)


if __name__ == "__main__":
    sys.stdout.write("\n".join([*hashed_lines(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), ""]))
