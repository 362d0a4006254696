"""`seglet convert`."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.data.disk import pairs
from tests.models.foundation.makers import save_clip

from seglet.cli import convert
from seglet.data.known_classes import KNOWN_CLASSES, find_classes
from seglet.models.architecture import Architecture
from seglet.models.backbones.weight_names import timm_names
from seglet.models.convert.key_maps import published_name
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.segmenter import build, load


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A network of CamVid's classes under its published names."""
    segmenter = build(Architecture("deeplabv3-resnet18"), find_classes("camvid"), seed=3)
    weights = {published_name(name, segmenter.network): w for name, w in segmenter.network.state_dict().items()}
    folder = tmp_path_factory.mktemp("foreign")
    torch.save(weights, folder / "cirkd.pth")
    prefix = "pretrained."
    torch.save({n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}, folder / "backbone.pth")
    return folder


def test_a_checkpoint_becomes_a_segmenter_fed_as_it_was(foreign, seglet, tmp_path):
    done = seglet("convert", foreign / "cirkd.pth", "--classes", "camvid", "--out", tmp_path / "m", "--json")
    segmenter = load(tmp_path / "m")
    assert json.loads(done.out)["missing"] == []
    assert (segmenter.architecture.name, segmenter.architecture.bgr) == ("deeplabv3-resnet18", True)
    expected = build(Architecture("deeplabv3-resnet18"), segmenter.classes, seed=3).network.state_dict()
    assert all(torch.equal(w, expected[name]) for name, w in segmenter.network.state_dict().items())


def test_a_backbone_needs_a_name_and_leaves_the_head(foreign, seglet, tmp_path):
    words = ("convert", foreign / "backbone.pth", "--classes", "voc", "--out", tmp_path / "m")
    assert "give --architecture" in seglet(*words).err
    done = seglet(*words, "--architecture", "deeplabv3-resnet18")
    assert "its head is random" in done.out
    assert not load(tmp_path / "m").architecture.bgr


def test_torchvisions_resnet_gets_a_network_with_its_plain_stem(seglet, tmp_path):
    shape = {"bottleneck": False, "depths": [2, 2, 2, 2], "stem": [64]}
    network = build(Architecture("deeplabv3-resnet", shape=shape), find_classes("voc"), seed=3).network
    weights = {theirs: network.backbone.state_dict()[ours] for ours, theirs in timm_names(network.backbone).items()}
    weights = {name: w for name, w in weights.items() if not name.endswith("num_batches_tracked")}  # as the oldest file
    torch.save({**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "tv.pth")
    words = ("--classes", "voc", "--out", tmp_path / "m", "--architecture", "deeplabv3-resnet18")
    done = seglet("convert", tmp_path / "tv.pth", *words, "--json")
    segmenter = load(tmp_path / "m")
    assert json.loads(done.out)["extra"] == ["fc.weight", "fc.bias"]
    assert segmenter.architecture.name == "deeplabv3-resnet"
    own = segmenter.network.backbone.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in network.backbone.state_dict().items())


def test_another_number_of_classes_is_refused(foreign, seglet, tmp_path):
    done = seglet("convert", foreign / "cirkd.pth", "--classes", "voc", "--out", tmp_path / "m")
    assert done.code == 2
    assert "trained with 11 classes, --classes names 21" in done.err


def test_a_pickle_that_runs_code_is_refused(seglet, tmp_path):
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    done = seglet("convert", tmp_path / "evil.pth", "--classes", "voc", "--out", tmp_path / "m")
    assert (done.code, (tmp_path / "m").exists()) == (2, False)


@pytest.mark.parametrize(("name", "count"), [("camvid", 11), ("cityscapes", 19), ("voc", 21), ("ade20k", 150)])
def test_known_classes_have_their_published_number(name, count):
    assert len(find_classes(name)) == count


def test_classes_come_from_files(tmp_path):
    (tmp_path / "classes.txt").write_text("0 sky\n1 road\n255 void\n")
    assert find_classes(str(tmp_path / "classes.txt")).names == ("sky", "road")
    with pytest.raises(ValueError, match="there are no classes 'cityscape'"):
        find_classes("cityscape")


def test_a_wrong_architecture_is_refused(foreign, seglet, tmp_path):
    words = ("--architecture", "pspnet-resnet18", "--classes", "camvid", "--out", tmp_path / "m")
    assert "holds a deeplabv3-resnet18" in seglet("convert", foreign / "cirkd.pth", *words).err


def test_classes_are_read_from_a_description_of_any_name(tmp_path, seglet):
    seglet("data", "check", pairs(tmp_path / "d"), "--out", tmp_path / "mine.json")
    assert find_classes(str(tmp_path / "mine.json")).names == ("class_0", "class_1")


def test_a_misspelt_name_of_classes_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'cityscapes'"):
        find_classes("cityscpaes")


def test_a_checkpoint_of_ssss_is_fed_as_its_authors_fed_it(seglet, tmp_path):
    segmenter = build(Architecture("ssss-resnet18", width=1), find_classes("voc"))
    weights = {published_name(name, segmenter.network): w for name, w in segmenter.network.state_dict().items()}
    torch.save(weights, tmp_path / "ssss.pth")
    done = seglet("convert", tmp_path / "ssss.pth", "--classes", "voc", "--out", tmp_path / "m")
    assert "a ssss-resnet18, input: red first, ImageNet's mean" in done.out
    assert load(tmp_path / "m").architecture == segmenter.architecture


def test_the_command_offers_all_known_classes():
    assert convert._KNOWN_CLASSES == KNOWN_CLASSES


@pytest.fixture
def of_transformers(tmp_path):
    folder = tmp_path / "hf"
    folder.mkdir()
    about = {"architectures": ["SegformerForSemanticSegmentation"], "model_type": "segformer"}
    (folder / "config.json").write_text(json.dumps(about))
    save_file(
        {"segformer.encoder.patch_embeddings.0.proj.weight": torch.zeros(4, 3, 7, 7)}, folder / "model.safetensors"
    )
    return folder


@pytest.mark.parametrize("place", [".", "model.safetensors"])
def test_a_folder_of_transformers_is_called_so(of_transformers, seglet, tmp_path, place):
    done = seglet("convert", of_transformers / place, "--classes", "voc", "--out", tmp_path / "m")
    assert done.code == 2
    assert "holds a network of transformers (SegformerForSemanticSegmentation), not a Segmenter" in done.err


def test_loading_a_folder_of_transformers_calls_it_so(of_transformers):
    with pytest.raises(ValueError, match=r"transformers \(SegformerForSemanticSegmentation\), not a Segmenter"):
        load(of_transformers)


def test_a_folder_in_place_of_a_file_names_the_files_in_it(foreign, seglet, tmp_path):
    done = seglet("convert", foreign, "--classes", "camvid", "--out", tmp_path / "m")
    assert f"is a folder; give a file in it, such as {foreign / 'backbone.pth'}" in done.err


def test_a_pickled_clip_is_written_as_safetensors(seglet, tmp_path):
    folder = save_clip(tmp_path / "clip")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="`seglet convert FOLDER --out NEW`"):
        ImageTextEncoder.load(folder)
    done = seglet("convert", folder, "--out", tmp_path / "new")
    assert "as safetensors" in done.out, done.err
    assert ImageTextEncoder.load(tmp_path / "new").image.dim == 8
    assert "exists; name a new folder" in seglet("convert", folder, "--out", tmp_path / "new").err
    assert "only a CLIP or a Stable Diffusion is converted" in seglet("convert", "midas", "--out", "x").err


def test_a_checkpoint_needs_its_classes(foreign, seglet, tmp_path):
    assert "--classes names the classes" in seglet("convert", foreign / "cirkd.pth", "--out", tmp_path / "m").err
