"""What captioning networks write, put in order: without the prompt, and without what says nothing."""

from collections.abc import Sequence


def without_prompt(text: str, prompt: str) -> str:
    """What a network wrote after its prompt, which some repeat in front, at times more than once.

    Capitals, blanks and punctuation do not matter: tokenizers change them. Empty if nothing is left that has a letter
    or a digit (BLIP-2 answers so to part of all pictures: LAVIS #132, #697).
    """
    rest, key = text, _plain(prompt)
    while key and _plain(rest).startswith(key):
        shorter = _after(rest, key)
        if shorter is None:
            break
        rest = shorter
    return " ".join(rest.split()).lstrip(",.;: ").rstrip() if _plain(rest) else ""


def _after(text: str, key: str) -> str | None:
    """What follows the words that spell `key`; None if it ends within a word."""
    spelt = 0
    for place, letter in enumerate(text):
        if spelt == len(key):
            return None if letter.isalnum() else text[place:]
        spelt += len(_plain(letter))
    return ""


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def filled(captions: Sequence[str], neutral: str) -> tuple[str, ...]:
    """One picture's captions by several prompts; an empty one is replaced by the first that is not, else by `neutral`.

    Raises:
        ValueError: `neutral` is empty.
    """
    if not neutral.strip():
        raise ValueError("expected a sentence for pictures that no caption was found for, got none")
    spare = next((caption for caption in captions if caption), neutral)
    return tuple(caption or spare for caption in captions)
