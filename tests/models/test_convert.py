import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.models.tiny import CLASSES, NAMES, SSSS, tiny
from torch import Tensor, nn

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network
from seglet.models.convert.conversion import (
    CIRKD_MEAN,
    compare_weights,
    convert_checkpoint,
    load_foreign_weights,
    with_cirkd_input,
)
from seglet.models.convert.identify import identify_architecture
from seglet.models.convert.key_maps import published_name
from seglet.models.io.checkpoints import read_tensors
from seglet.models.network import Network

PUBLISHED = tuple(name for name in SSSS if "clip" not in name)
"""SSSS on vision transformers was published by nobody: those weights have our names only."""

HEADS = {"head", "auxlayer", "auxiliary", "linear_fuse", "linear_pred", *(f"linear_c{i}" for i in range(1, 5))}
HEADS |= {"aspp", "fc8_skip", "fc8_x", "shallow_mask", "last_conv"}


def official(network: Network) -> dict[str, Tensor]:
    """A network's weights as its authors would store them."""
    shaped = {published_name(name, network): tensor for name, tensor in network.state_dict().items()}
    return {
        name: tensor[..., 0, 0] if name.startswith("linear_c") and tensor.ndim == 4 else tensor
        for name, tensor in shaped.items()
    }


def backbone_of(network: Network) -> dict[str, Tensor]:
    """Its backbone as its authors would store it."""
    return {
        published_name(name, network).removeprefix("pretrained."): tensor
        for name, tensor in network.state_dict().items()
        if name.startswith("backbone.")
    }


def full(name: str, num_classes: int = 19) -> dict[str, Tensor]:
    """Names and shapes of a network of usual width, without memory."""
    with torch.device("meta"):
        return official(assemble_network(Architecture(name), num_classes))


@pytest.mark.parametrize("name", [*NAMES, *PUBLISHED])
def test_an_official_checkpoint_becomes_the_same_network(name: str, tmp_path: Path) -> None:
    source = tiny(name)
    torch.save(official(source.network), tmp_path / "best.pth")
    segmenter, report = convert_checkpoint(tmp_path / "best.pth", source.architecture, CLASSES)
    assert all(torch.equal(a, b) for a, b in zip(segmenter.parameters(), source.parameters(), strict=True))
    assert (report.missing, report.extra, report.mismatched, report.backbone_only) == ((), (), (), False)


@pytest.mark.parametrize("name", [*NAMES, *SSSS, "deeplabv2-resnet50"])
def test_an_imagenet_backbone_fills_the_backbone_and_reports_the_rest(name: str) -> None:
    source, network = tiny(name).network, tiny(name).network
    weights = {**backbone_of(source), "fc.weight": torch.zeros(1000, 64)}
    report = load_foreign_weights(network, weights)
    assert report.backbone_only
    assert report.extra == ("fc.weight",)
    assert {part.split(".")[0] for part in report.missing} <= HEADS
    assert "missing in the file" in report.summary()


def test_our_own_weights_are_read_too(tmp_path: Path) -> None:
    tiny().save(tmp_path / "net")
    report = load_foreign_weights(tiny().network, read_tensors(tmp_path / "net" / "model.safetensors"))
    assert not report.missing + report.extra


def test_a_torchvision_resnet_is_reported_and_not_loaded() -> None:
    with torch.device("meta"):
        network = assemble_network(Architecture("deeplabv3-resnet18"), 3)
    weights = backbone_of(network)
    weights["conv1.weight"] = torch.zeros(64, 3, 7, 7, device="meta")
    weights["layer1.0.conv1.weight"] = torch.zeros(64, 64, 3, 3, device="meta")
    with pytest.raises(ValueError, match=r"7x7 stem \(torchvision's\)"):
        load_foreign_weights(network, weights)


def test_the_second_version_of_cirkd_is_recognised_by_its_width() -> None:
    weights = full("deeplabv3-resnet18")
    weights["head.block.4.weight"] = torch.zeros(19, 512, 1, 1, device="meta")
    weights["head.aspp.b0.0.weight"] = torch.zeros(512, 512, 1, 1, device="meta")
    with torch.device("meta"):
        report = compare_weights(assemble_network(Architecture("deeplabv3-resnet18"), 19), weights)
    assert any("second version" in note for note in report.notes)


def test_another_number_of_classes_is_explained() -> None:
    with torch.device("meta"):
        report = compare_weights(assemble_network(Architecture("pspnet-resnet18"), 11), full("pspnet-resnet18", 19))
    assert report.notes == ("the file was trained with 19 classes; name as many",)
    assert ("head.classifier.bias", (19,), (11,)) in report.mismatched


def test_nothing_is_copied_when_something_does_not_fit() -> None:
    network = tiny().network
    weights = {name: tensor + 1 for name, tensor in official(network).items()}
    weights["head.block.4.bias"] = torch.zeros(7)
    before = network.backbone.stem[0].conv.weight.clone()
    with pytest.raises(ValueError, match=r"of another shape: head\.block\.4\.bias"):
        load_foreign_weights(network, weights)
    assert torch.equal(network.backbone.stem[0].conv.weight, before)


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"do not fit[\s\S]*not used: embeddings"):
        load_foreign_weights(tiny().network, {"embeddings": torch.zeros(3)})


@pytest.mark.parametrize("wrap", [lambda w: {"state_dict": w, "epoch": 3}, lambda w: {"model": w}, lambda w: w])
def test_wrappers_and_prefixes_are_taken_off(wrap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    torch.save(wrap({"module.a": torch.ones(1), "module.b": torch.ones(2)}), tmp_path / "net.pth")
    assert set(read_tensors(tmp_path / "net.pth")) == {"a", "b"}


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "net.safetensors")
    assert torch.equal(read_tensors(tmp_path / "net.safetensors")["a"], torch.ones(1))


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    class Touch:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (flag,)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Touch()}))
    with pytest.raises(ValueError, match="run code"):
        read_tensors(tmp_path / "evil.pth")
    assert not flag.exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(1, 1), tmp_path / "net.pt")
    with pytest.raises(ValueError, match="plain state_dict"):
        read_tensors(tmp_path / "net.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"hello, I am a text file"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"net{suffix}"):
        read_tensors(path)


def test_files_without_tensors_are_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "net.pth")
    with pytest.raises(ValueError, match="no named tensors"):
        read_tensors(tmp_path / "net.pth")
    with pytest.raises(ValueError, match="there is no file"):
        read_tensors(tmp_path / "none.pth")


@pytest.mark.parametrize("name", ["deeplabv3-resnet101", "pspnet-resnet34", "segformer-mit_b3", *PUBLISHED])
def test_architecture_and_classes_of_a_checkpoint_are_identified(name: str) -> None:
    assert identify_architecture(full(name, 21)) == (Architecture(name), 21)


def test_what_is_none_of_ours_is_not_identified() -> None:
    assert identify_architecture({"embeddings": torch.zeros(1)}) is None
    assert identify_architecture({**full("segformer-mit_b0"), "block1.7.norm1.weight": torch.zeros(1)}) is None


def test_cirkd_feeds_blue_first_without_dividing() -> None:
    architecture = with_cirkd_input(Architecture("pspnet-resnet18"))
    assert (architecture.bgr, architecture.mean) == (True, CIRKD_MEAN)
    assert architecture.std == (1 / 255, 1 / 255, 1 / 255)
