"""Bill of materials in CycloneDX 1.6: `python -m tools.bill_of_materials REPORT > sbom.cdx.json`.

The report is that of pip from which `tools.hashed_requirements` makes requirements. The bill lists each package with
the SHA-256 of the file that is installed and its licence, and the weights that come with seglet.
"""

import contextlib
import json
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.files import file_sha256

_WEIGHTS = Path(__file__).parents[1] / "src/seglet/models/weights"
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562: names that are addresses


def bill_of_materials(report: Mapping[str, Any], weights: Path = _WEIGHTS) -> dict[str, Any]:
    """Returns the bill for a report of pip; the same report gives the same bill.

    Raises:
        ValueError: pip knew no SHA-256 of a file.
    """
    packages = [one for one in report["install"] if "dir_info" not in one["download_info"]]
    parts = [*map(_package, packages), *_weight_parts(weights)]
    parts.sort(key=lambda part: str(part["bom-ref"]))
    serial = uuid.uuid5(_NAMESPACE, json.dumps(parts, sort_keys=True))
    main = {"type": "library", "bom-ref": "seglet", "name": "seglet", "version": __version__,
            "purl": f"pkg:pypi/seglet@{__version__}", "licenses": [{"license": {"id": "Apache-2.0"}}]}  # fmt: skip
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1,
        "metadata": {"component": main}, "components": parts,
        "dependencies": [{"ref": "seglet", "dependsOn": [part["bom-ref"] for part in parts]}],
    }  # fmt: skip


def _package(one: Mapping[str, Any]) -> dict[str, Any]:
    about, name = one["metadata"], re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower()
    digest = one["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if not digest:
        raise ValueError(f"pip reports no sha256 of {name}; install it from an index")
    address = f"pkg:pypi/{name}@{about['version']}"
    part = {"type": "library", "bom-ref": address, "name": name, "version": about["version"], "purl": address,
            "hashes": [{"alg": "SHA-256", "content": digest}]}  # fmt: skip
    return {**part, **({"licenses": [stated]} if (stated := _licence(about)) else {})}


def _licence(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the licence of a package's metadata: an SPDX expression, else a name, else that of the installed package.

    pip's report leaves some expressions out.
    """
    expression = str(about.get("license_expression") or "")
    if _EXPRESSION.fullmatch(expression):
        return {"expression": expression}
    classes = [text.rsplit(" :: ", 1)[-1] for text in about.get("classifier", []) if text.startswith("License ::")]
    lines = str(about.get("license") or "").strip().splitlines()[:1]
    names = [name for name in (*classes, *lines) if name and name != "OSI Approved"]
    if names:
        return {"license": {"name": names[0][:100]}}
    with contextlib.suppress(metadata.PackageNotFoundError):
        stated = str((metadata.distribution(about["name"]).metadata.get_all("License-Expression") or [""])[0])
        return {"expression": stated} if _EXPRESSION.fullmatch(stated) else None
    return None


def _weight_parts(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.rglob("*.safetensors")):
        name = file.relative_to(folder).as_posix()
        yield {"type": "machine-learning-model", "bom-ref": f"seglet/weights/{name}", "name": name,
               "version": __version__, "licenses": [{"license": {"id": "Apache-2.0"}}],
               "hashes": [{"alg": "SHA-256", "content": file_sha256(file)}]}  # fmt: skip


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(json.dumps(bill_of_materials(content), indent=1) + "\n")
