"""Tokenizers, and reports of how much of a text they can express."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.models.foundation.loading import import_library, quiet_libraries
from seglet.models.foundation.model_folder import DOWNLOAD_AGAIN

_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")


@dataclass(frozen=True)
class TokenizedText:
    """Result of tokenizing a text.

    `length` counts tokens with those for begin and end, `limit` is how many the network reads. `pieces` has the
    number of tokens of each word; `unknown` are words that the vocabulary cannot express.
    """

    text: str
    length: int
    limit: int
    pieces: tuple[tuple[str, int], ...]
    unknown: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """True if the end of the text is cut off."""
        return self.length > self.limit

    @property
    def empty(self) -> bool:
        """True if the text has no tokens at all."""
        return not self.pieces

    @property
    def broken(self) -> tuple[str, ...]:
        """Words of more than two tokens, which were rare in training, if there were any."""
        return tuple(word for word, count in self.pieces if count > 2)


def tokenize_texts(tokenizer: Any, texts: Sequence[str], limit: int) -> tuple[TokenizedText, ...]:
    """Tokenizes each text and counts the tokens of its words."""
    with quiet_libraries():
        return tuple(_read(tokenizer, text, limit) for text in texts)


def _read(tokenizer: Any, text: str, limit: int) -> TokenizedText:
    plain = tokenizer(text, add_special_tokens=False, truncation=False, return_offsets_mapping=True)
    ids, spans, words = plain["input_ids"], plain["offset_mapping"], plain.word_ids()
    places: dict[int, list[int]] = {}
    for position, word in enumerate(words):
        if word is not None:
            places.setdefault(word, []).append(position)
    spelt = {word: text[spans[at[0]][0] : spans[at[-1]][1]].strip() for word, at in places.items()}
    pieces = tuple((spelt[word], len(at)) for word, at in places.items())
    unknown = tuple(spelt[word] for word, at in places.items() if tokenizer.unk_token_id in [ids[i] for i in at])
    return TokenizedText(text, len(ids) + tokenizer.num_special_tokens_to_add(), limit, pieces, unknown)


def open_tokenizer(folder: Path) -> Any:
    """Opens the tokenizer in a folder.

    Raises:
        ValueError: there is none in the folder that can be read.
    """
    if not any((folder / name).is_file() for name in _VOCABULARIES):  # the library would make an empty one
        raise ValueError(f"{folder} has no tokenizer ({' or '.join(_VOCABULARIES)}): half a download? {DOWNLOAD_AGAIN}")
    transformers = import_library("transformers")
    try:
        with quiet_libraries():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, padding_side="right", trust_remote_code=False
            )
    except Exception as error:  # the library's errors on damaged or absent files share no base class
        raise ValueError(f"{folder} has no tokenizer that can be read ({error}); {DOWNLOAD_AGAIN}") from error
    if not tokenizer.is_fast:
        raise ValueError(f"the tokenizer in {folder} has no tokenizer.json; save it anew with a newer transformers")
    return tokenizer


def check_tokenizer(tokenizer: Any, config: Any, folder: Path) -> None:
    """Checks that a tokenizer belongs to the text network beside it.

    Raises:
        ValueError: the tokenizer is not that of the text network beside it: it has tokens that the network has no
            vectors for, or ends texts with another token.
    """
    cure = f"take both from the same model: {folder} mixes two"
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer)} tokens, the text network only {config.vocab_size}; {cure}"
        )
    clips = "metaclip" not in config.model_type  # which ends texts with token 2
    legacy = clips and config.eos_token_id == 2  # configurations of before 2023: the network seeks the largest token
    expected = len(tokenizer) - 1 if legacy else config.eos_token_id
    if tokenizer.eos_token_id != expected:
        raise ValueError(
            f"the tokenizer ends texts with token {tokenizer.eos_token_id}, the text network seeks {expected}; {cure}"
        )
