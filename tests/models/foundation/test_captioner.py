import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation.makers import rewrite, save_captioner, tokenizer

from seglet.models.foundation.captioner import Captioner
from seglet.models.foundation.captions import strip_prompt

KINDS = ("blip-2", "blip", "git")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def folder(captioner_folders: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(captioner_folders["git"], tmp_path / "captioner")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beams", [1, 3])
def test_a_image_always_gets_the_same_caption(captioner_folders: dict[str, Path], kind: str, beams: int) -> None:
    captioner = Captioner.load(captioner_folders[kind])
    both = captioner.caption(IMAGES, "a photo of", beams, 5)
    assert captioner.caption(IMAGES, "a photo of", beams, 5) == both
    assert captioner.caption(IMAGES[1:], "a photo of", beams, 5) == both[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_words_follow_one_another(captioner_folders: dict[str, Path], kind: str) -> None:
    captioner = Captioner.load(captioner_folders[kind])
    model: Any = captioner.model
    theirs = model.generate(pixel_values=captioner.normalise(IMAGES), do_sample=False, max_new_tokens=5)
    texts = captioner.tokenizer.batch_decode(theirs, skip_special_tokens=True)
    assert captioner.caption(IMAGES, longest=5) == tuple(strip_prompt(text, "") for text in texts)


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_caption_has_no_prompt_in_front(tmp_path: Path, kind: str) -> None:
    captioner = Captioner.load(save_captioner(tmp_path, kind, says="dog"))
    assert captioner.caption(IMAGES, "A photo of", longest=3) == ("dog dog dog",) * 2


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_an_image_that_nothing_is_written_about_has_an_empty_caption(tmp_path: Path, kind: str) -> None:
    captioner = Captioner.load(save_captioner(tmp_path, kind, says="[SEP]"))
    assert captioner.caption(IMAGES, "A photo of") == ("", "")


def test_images_stand_where_blip2_expects_them(captioner_folders: dict[str, Path]) -> None:
    captioner = Captioner.load(captioner_folders["blip-2"])
    image, start = captioner.tokenizer.convert_tokens_to_ids(["<image>", "[CLS]"])
    photo = captioner.tokenizer.convert_tokens_to_ids(["a", "photo"])
    assert captioner._ids("a photo") == [image] * 4 + [start, *photo]


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_any_size_are_captioned_whole(captioner_folders: dict[str, Path], kind: str) -> None:
    assert len(Captioner.load(captioner_folders[kind]).caption(torch.rand(1, 3, 50, 20), longest=2)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_writes_too(captioner_folders: dict[str, Path], kind: str) -> None:
    captioner = Captioner.load(captioner_folders[kind], dtype="bfloat16")
    assert len(captioner.caption(IMAGES, "a photo of", longest=2)) == 2


def test_a_caption_has_room_for_a_word(captioner_folders: dict[str, Path]) -> None:
    captioner = Captioner.load(captioner_folders["git"])
    with pytest.raises(ValueError, match="at least one beam and one token, got 1 and 0"):
        captioner.caption(IMAGES, longest=0)


def test_a_tokenizer_with_more_words_than_the_network_is_an_error(folder: Path) -> None:
    tokenizer().save_pretrained(folder)
    with pytest.raises(ValueError, match=r"the tokenizer knows \d+ tokens, the text network only 17; take both from"):
        Captioner.load(folder)


def test_a_blip2_without_a_token_for_images_is_an_error(captioner_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(captioner_folders["blip-2"], tmp_path / "old")
    rewrite(folder / "config.json", image_token_index=None)
    with pytest.raises(ValueError, match=r"has no image_token_index; take a newer revision"):
        Captioner.load(folder)


def test_a_clip_is_no_captioner(clip_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a captioner .*it is a transformers model of type clip"):
        Captioner.load(clip_folder)


def test_half_a_download_of_a_captioner_is_never_read(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"half a download\?"):
        Captioner.load(folder)
