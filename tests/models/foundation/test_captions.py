import pytest

from seglet.models.foundation.captions import filled, without_prompt


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
    assert without_prompt(text, prompt) == rest


def test_an_empty_caption_borrows_from_the_other_prompt() -> None:
    assert filled(["", "a dog"], "a picture") == ("a dog", "a dog")
    assert filled(["a cat", "a dog"], "a picture") == ("a cat", "a dog")
    assert filled(["", ""], "a picture") == ("a picture", "a picture")


def test_the_neutral_sentence_says_something() -> None:
    with pytest.raises(ValueError, match="expected a sentence"):
        filled([""], " ")
