"""Building a network imports its own modules and no other network's."""

import subprocess
import sys

PROGRAM = """
import sys
import torch
import seglet
from seglet.types import Classes

classes = Classes(("background", "cat"), ((0, 0, 0), (255, 0, 0)))
model = seglet.build(seglet.Architecture("NAME", width=0.0625), classes)
model(torch.rand(2, 3, 32, 32))
print(*(name for name in sys.modules if name.startswith("seglet")))
"""


def loaded(name: str) -> set[str]:
    """Names of seglet's modules that are loaded once a network was built and run in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("NAME", name)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_one_backbone_and_one_head_are_imported() -> None:
    names = loaded("deeplabv3-resnet18")
    assert len(names) <= 32
    assert {name for name in names if name.startswith("seglet.models.backbones.")} == {
        f"seglet.models.backbones.{part}" for part in ("base", "resnet", "variants")
    }
    assert not names & {
        f"seglet.models.heads.{head}" for head in ("cam", "ssss", "segformer", "vila", "weclip_decoder")
    }


def test_a_convolutional_network_needs_no_foundation_model() -> None:
    assert not {name for name in loaded("ssss-resnet18") if name.startswith("seglet.models.foundation")}
