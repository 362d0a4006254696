"""The word-level tokenizer in CLIP's layout."""

from pathlib import Path

import pytest

from seglet.models.foundation.tiny.vocabulary import build_word_tokenizer, byte_pairs, encode_texts, save_tokenizer

WORDS = ("a", "star", "tar", "start", "arrow", "ring", "string", "ringed", "photo", "of", ",")


def test_every_word_is_one_token():
    tokens = build_word_tokenizer(WORDS, 16).tokenize("A photo of a start, star, tar string ring ringed")
    words = ("a", "photo", "of", "a", "start", ",", "star", ",", "tar", "string", "ring", "ringed")
    assert tokens == [f"{word}</w>" for word in words]


def test_an_unknown_word_falls_into_known_pieces():
    assert build_word_tokenizer(WORDS, 16).tokenize("cat") == ["c", "a", "t</w>"]


def test_the_end_has_the_largest_id_and_fills_the_rest():
    vocabulary, _ = byte_pairs(WORDS)
    (ids,) = encode_texts(build_word_tokenizer(WORDS, 5), ["a star"])
    assert ids == [len(vocabulary) - 2, vocabulary["a</w>"], vocabulary["star</w>"], *2 * [len(vocabulary) - 1]]


def test_long_texts_are_cut_and_still_end():
    tokenizer = build_word_tokenizer(WORDS, 4)
    assert encode_texts(tokenizer, ["star " * 9])[0][-1] == tokenizer.eos_token_id


@pytest.mark.parametrize("without", ["", "tokenizer.json"])
def test_transformers_reads_the_folder(tmp_path: Path, without: str):
    from transformers import CLIPTokenizer

    tokenizer = build_word_tokenizer(WORDS, 16)
    save_tokenizer(tokenizer, WORDS, tmp_path)
    if without:
        (tmp_path / without).unlink()
    read = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert encode_texts(read, ["a photo of a cat"]) == encode_texts(tokenizer, ["a photo of a cat"])
    assert read.model_max_length == 16
