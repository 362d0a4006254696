"""Fuzzes a reader with Atheris: `python -m tools.fuzz READER [-runs=N] [-max_total_time=SECONDS]`.

Begins with the corpus of that reader in `tests/fixtures/corpus`, follows the branches that each input takes, and stops
at an input that is neither read nor answered with an error for users. The last lines name the file of the input; put it
into the corpus with the mending: the tests read every file there. Further words are libFuzzer's.
"""

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

_MISSING = "fuzzing needs Atheris, for Python 3.11 to 3.13 on Linux; run `pip install 'seglet[fuzz]'`"


def main(words: list[str]) -> int:
    """Fuzzes until an input fails or the limits in the words are reached; 0 if none failed, else libFuzzer's code."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.stderr.write(f"error: {_MISSING}\n")
        return 2
    with atheris.instrument_imports(include=["seglet", "yaml", "json", "csv", "xml"]):
        from tools.readers import CORPUS, READERS, answer_of
    if not words or words[0] not in READERS:
        sys.stderr.write(f"error: expected a reader: {', '.join(READERS)}\n")
        return 2
    kind, seeds = words[0], CORPUS / words[0]
    names = {path.suffix for path in seeds.iterdir()}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"file{ending}" for ending in sorted(names)]
        found = Path(folder) / "found"
        shutil.copytree(seeds, found)

        def once(content: bytes) -> None:
            for file in files:
                file.write_bytes(content)
                answer_of(kind, file)

        atheris.Setup([sys.argv[0], str(found), "-timeout=60", "-rss_limit_mb=4000", *words[1:]], once)
        atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
