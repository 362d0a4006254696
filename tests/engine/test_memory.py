"""Settings that save memory: neither changes a weight."""

import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch
from tests.engine.toys import ONE_THREAD

from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.memory import checkpointed_student
from seglet.files import file_sha256
from seglet.methods.supervised import Config, Method
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build


def trained_state(student, twice):
    """Weights, statistics and gradients of a student after one backward pass, and its network."""
    method = Method.build(Config(student=student, width=0.125), WORLD_CLASSES, seed=0).train()
    network = method.student.network
    with checkpointed_student(method) if twice else nullcontext():
        torch.manual_seed(0)
        network(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))).logits.square().sum().backward()
    gradients = {name: weight.grad for name, weight in network.named_parameters()}
    return {**network.state_dict(), **{f"{name}.grad": value for name, value in gradients.items()}}, network


@pytest.mark.parametrize("student", ["deeplabv3-resnet18", "segformer-mit_b0"])
def test_maps_computed_twice_change_nothing(student):
    plain, _ = trained_state(student, False)
    twice, network = trained_state(student, True)
    assert plain.keys() == twice.keys()
    assert all(torch.equal(plain[name], twice[name]) for name in plain if plain[name] is not None)
    assert all(type(block).__module__ != "seglet.engine.memory" for block in network.modules())


def kept_numbers(twice):
    """How many numbers a backbone keeps for its backward pass."""
    method = Method.build(Config(student="deeplabv3-resnet18", width=0.125), WORLD_CLASSES, seed=0).train()
    sizes = []
    counting = torch.autograd.graph.saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda x: x)
    with counting, checkpointed_student(method) if twice else nullcontext():
        method.student.network.backbone(torch.rand(2, 3, 64, 64))
    return sum(sizes)


def test_maps_within_blocks_are_not_kept():
    assert kept_numbers(True) < kept_numbers(False) / 2


@pytest.mark.slow
def test_divided_teachers_teach_the_same(tmp_path):
    build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES).save(tmp_path / "teacher")
    keys = f"--teacher {tmp_path / 'teacher'} --width 0.0625 --crop 32 32 --world_size 32 --world_scenes 21 --batch 4 "
    keys += "--steps 3 --validate_every 2 --workers 0 --devices 2 --accelerator cpu --student deeplabv3-resnet18"
    found = {}
    for strategy in ("ddp", "fsdp"):
        out = tmp_path / strategy
        words = ["train", "distill", "--out", str(out), *keys.split(), "--strategy", strategy]
        done = subprocess.run(
            [sys.executable, "-m", "seglet", *words],
            capture_output=True,
            text=True,
            env=ONE_THREAD,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[strategy] = file_sha256(out / "last" / "model.safetensors")
    assert found["ddp"] == found["fsdp"]
