import pytest

from seglet.models.foundation.captions import count_captions, fill_empty_captions, is_junk, strip_prompt


@pytest.mark.parametrize(
    ("text", "prompt", "rest"),
    [
        ("a photo of a dog on grass", "A photo of", "a dog on grass"),
        ("a dog on grass", "A photo of", "a dog on grass"),
        ("A photo of A photo of a dog", "a photo of", "a dog"),
        ("a  photo , of : a dog , asleep", "a photo, of", "a dog , asleep"),
        ("a photo offering food", "a photo of", "a photo offering food"),
        ("  a dog \n", "", "a dog"),
        ("a photo of", "a photo of", ""),
        ("a photo of.", "A photo of", ""),
        (" ... ", "A photo of", ""),
        ("", "A photo of", ""),
    ],
)
def test_only_what_follows_the_prompt_is_kept(text: str, prompt: str, rest: str) -> None:
    assert strip_prompt(text, prompt) == rest


def test_an_empty_caption_borrows_from_the_other_prompt() -> None:
    assert fill_empty_captions(["", "a dog"], "an image") == ("a dog", "a dog")
    assert fill_empty_captions(["a cat", "a dog"], "an image") == ("a cat", "a dog")
    assert fill_empty_captions(["", ""], "an image") == ("an image", "an image")


def test_the_neutral_sentence_is_not_empty() -> None:
    with pytest.raises(ValueError, match="expected a sentence"):
        fill_empty_captions([""], " ")


@pytest.mark.parametrize(
    ("caption", "junk"),
    [
        ("a dog on grass", False),
        ("dog", False),
        ("a a a a", True),
        ("cat cat dog dog", True),
        ("a i", True),
        ("", False),
    ],
)
def test_captions_that_repeat_themselves_are_junk(caption: str, junk: bool) -> None:
    assert is_junk(caption) is junk


def test_empty_and_junk_captions_are_counted() -> None:
    found = count_captions([("a cat", ""), ("", " "), ("a cat", "a a a a")])
    assert (found.images, found.captions, found.empty, found.silent, found.junk) == (3, 6, 3, 1, 1)
    assert found.common == (("a cat", 2),)
    assert "1 images without any; 2 times 'a cat'" in str(found)
