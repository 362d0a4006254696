"""Word-level tokenizer in the layout of CLIP's: byte pairs are merged until every known word is one token."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from seglet.models.foundation.loading import quiet_libraries

_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-/&"
_LAST = "</w>"

_Symbols = tuple[str, ...]
_Pair = tuple[str, str]


def byte_pairs(words: Iterable[str]) -> tuple[dict[str, int], list[_Pair]]:
    """Returns ids of all tokens, and the merges, in order, that make each of `words` one token.

    An unknown word falls into known pieces and letters, as in CLIP; the end token has the largest id, as in CLIP.

    Source: Sennrich et al., ACL 2016, carried on until nothing is left to merge; equal counts go by the alphabet.
    """
    parts: list[_Symbols] = [(*word[:-1], word[-1] + _LAST) for word in sorted(set(words))]
    merges: list[_Pair] = []
    while counts := Counter(pair for word in parts for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        parts = [merge_pair(word, best) for word in parts]
    letters = [*_LETTERS, *(letter + _LAST for letter in _LETTERS)]
    tokens = dict.fromkeys([*letters, *("".join(pair) for pair in merges), _BEGIN, _END])
    return {token: place for place, token in enumerate(tokens)}, merges


def merge_pair(word: _Symbols, pair: _Pair) -> _Symbols:
    """Returns the word with each occurrence of the pair, from the left, made one symbol."""
    out: list[str] = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return tuple(out)


def build_word_tokenizer(words: Iterable[str], length: int) -> Any:
    """Builds a CLIPTokenizer that knows `words` (lower case) and cuts texts at `length` tokens."""
    from transformers import CLIPTokenizer

    vocabulary, merges = byte_pairs(words)
    with quiet_libraries():
        return CLIPTokenizer(vocabulary, [*merges], model_max_length=length)


def save_tokenizer(tokenizer: Any, words: Iterable[str], folder: Path) -> None:
    """Saves transformers' files, and `vocab.json` and `merges.txt`, which older readers need."""
    vocabulary, merges = byte_pairs(words)
    tokenizer.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Returns the token ids of each text, padded to the tokenizer's length."""
    ids: list[list[int]] = tokenizer(list(texts), padding="max_length", truncation=True)["input_ids"]
    return ids
