"""Relatives of CLIP and of Stable Diffusion: used where the towers are the same, else refused by name."""

import json
from pathlib import Path

import pytest
import torch
from tests.methods.toys import CLASSES
from tests.models.foundation.makers import save_metaclip2, save_stable_diffusion

from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.models.segmenter import Segmenter
from seglet.models.student import StudentConfig, build_student

IMAGES = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def metaclip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet_libraries():
        return save_metaclip2(tmp_path_factory.mktemp("metaclip") / "model")


@torch.no_grad()
def test_metaclip_2_is_read_as_clip_is(metaclip: Path) -> None:
    from transformers import MetaClip2Model

    found = ImageTextEncoder.load(metaclip)
    own = MetaClip2Model.from_pretrained(metaclip, attn_implementation="eager").eval()
    output = own.vision_model(found.image.normalise(IMAGES), output_hidden_states=True)
    assert torch.equal(found.image(IMAGES).image, own.visual_projection(output.pooler_output))
    assert found.text.embed(["a photo of dog"]).shape == (1, 8)


def test_a_student_on_metaclip_2_is_saved_as_clips_tower(metaclip: Path, tmp_path: Path) -> None:
    model = build_student(StudentConfig(student=f"weclip-clip:{metaclip}", width=0.25), CLASSES, 0).eval()
    model.save(tmp_path / "saved")
    assert torch.equal(Segmenter.load(tmp_path / "saved").to("cpu").eval()(IMAGES), model(IMAGES))


@pytest.mark.parametrize(("kind", "why"), [("siglip2", "only through an attention that pools"), ("altclip", "XLM-R")])
def test_relatives_of_clip_are_refused_by_name(kind: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ValueError, match=f"holds a {kind}: .*{why}"):
        ImageTextEncoder.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "why"),
    [("StableDiffusionXLPipeline", "two text encoders"), ("StableDiffusion3Pipeline", "in one sequence"),
     ("FluxPipeline", "in one sequence"), ("StableDiffusionInpaintPipeline", "a mask")],
)  # fmt: skip
def test_newer_generators_are_refused_by_name_with_the_reason(kind: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    with pytest.raises(ValueError, match=f"holds a {kind}: .*{why}.*take sd-2.1-base, sd-1.5 or sd-1.4"):
        StableDiffusion.load(tmp_path)


def test_stable_diffusion_1_5_is_read_in_its_own_layout(tmp_path: Path) -> None:
    with quiet_libraries():
        save_stable_diffusion(tmp_path / "sd")
    index = json.loads((tmp_path / "sd/model_index.json").read_text())
    parts = {"safety_checker": "StableDiffusionSafetyChecker", "feature_extractor": "CLIPImageProcessor"}
    (tmp_path / "sd/model_index.json").write_text(json.dumps(
        {**index, **{part: ["x", kind] for part, kind in parts.items()}, "scheduler": ["diffusers", "PNDMScheduler"]}
    ))  # fmt: skip
    for part in parts:
        (tmp_path / "sd" / part).mkdir()
    found = StableDiffusion.load(tmp_path / "sd")
    assert type(found.scheduler).__name__ == "PNDMScheduler"
    assert found.latents(IMAGES).shape == (1, 4, 16, 16)
