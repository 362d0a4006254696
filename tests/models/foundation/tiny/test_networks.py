"""The tiny networks as transformers and diffusers see them."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from seglet.models.foundation.tiny.captioner import TinyCaptioner
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.depth import TinyDepth
from seglet.models.foundation.tiny.diffusion import TinyUNet, TinyVAE, signal_shares

WORDS = ("a", "ball", "photo", "of", "on", "sand")


@pytest.fixture(scope="module")
def clip() -> TinyCLIP:
    return TinyCLIP(WORDS)


def test_clip_agrees_with_transformers_own_way_through_it(clip: TinyCLIP):
    images, ids = torch.rand(2, 3, 128, 128), clip.encode(["a ball", "a photo of sand"])
    mean, std = (
        torch.tensor(v)[:, None, None]
        for v in ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    )
    out = clip.clip(input_ids=ids, pixel_values=(images - mean) / std)
    assert_close(clip.project(clip.layer(images, TinyCLIP.depth)[:, 0]), out.image_embeds)
    assert_close(clip.read(ids)[1], out.text_embeds)


def test_clip_takes_small_images_and_two_ways_are_one(clip: TinyCLIP):
    images = torch.rand(1, 3, 64, 64)
    assert_close(clip.above(clip.layer(images, 3), 3), clip.layer(images, TinyCLIP.depth))


def test_the_folder_of_clip_holds_all_of_it(clip: TinyCLIP, tmp_path: Path):
    from transformers import CLIPModel

    clip.save(tmp_path)
    read = CLIPModel.from_pretrained(tmp_path, dtype=torch.float32, local_files_only=True)
    for name, tensor in read.state_dict().items():
        assert_close(tensor, clip.clip.state_dict()[name], atol=1e-3, rtol=1e-3)


def test_depth_is_predicted_for_every_pixel_and_never_negative():
    near = TinyDepth()(torch.rand(1, 3, 64, 32))
    assert near.shape == (1, 64, 32)
    assert near.min() >= 0


def test_the_captioner_writes_only_known_words_behind_the_prompt():
    (said,) = TinyCaptioner(WORDS).caption(torch.rand(1, 3, 64, 64), "a photo of")
    assert said.startswith("a photo of")
    assert set(said.split()) <= set(WORDS)


def test_the_vae_keeps_a_quarter_of_the_pixels_each_way():
    vae = TinyVAE()
    mean, _ = vae.encode(torch.rand(1, 3, 16, 24))
    assert mean.shape == (1, 4, 4, 6)
    assert vae.decode(mean).shape == (1, 3, 16, 24)


def test_the_unet_attends_at_the_finest_resolution_of_its_decoder():
    unet = TinyUNet(8).unet
    assert [hasattr(block, "attentions") for block in unet.up_blocks] == [True, True]
    assert unet.up_blocks[-1].attentions[0].transformer_blocks[0].attn1.heads == 2


def test_nothing_is_left_of_the_image_at_the_last_time():
    left = signal_shares()
    assert float(left[-1]) == 0
    assert bool((left.diff() < 0).all())
