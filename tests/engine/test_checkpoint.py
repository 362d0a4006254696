import pytest
import torch

from seglet.engine import checkpoint

STATE = {"step": 3, "optimiser": {"state": {0: {"moment": torch.arange(6.0).reshape(2, 3)}}, "lr": [0.1, None, True]}}


@pytest.fixture
def saved(tmp_path):
    checkpoint.save_checkpoint(tmp_path / checkpoint.checkpoint_name(3), STATE)
    return tmp_path / checkpoint.checkpoint_name(3)


def test_a_state_comes_back_as_it_was(saved):
    state = checkpoint.load_checkpoint(saved)
    assert torch.equal(state["optimiser"]["state"][0]["moment"], STATE["optimiser"]["state"][0]["moment"])
    assert state["step"] == 3
    assert state["optimiser"]["lr"] == [0.1, None, True]


@pytest.mark.parametrize("file", [checkpoint._TENSORS, checkpoint._REST])
def test_any_flipped_bit_is_noticed(saved, file):
    whole = (saved / file).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        (saved / file).write_bytes(damaged)
        try:
            state = checkpoint.load_checkpoint(saved)
        except checkpoint.CheckpointError:
            continue
        assert repr(state) == repr(STATE), f"bit flip at {place} of {file} went unnoticed"  # white space in the JSON


@pytest.mark.parametrize("file", [checkpoint._TENSORS, checkpoint._REST])
def test_any_truncation_is_noticed(saved, file):
    whole = (saved / file).read_bytes()
    for percent in range(0, 100, 3):
        (saved / file).write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(checkpoint.CheckpointError):
            checkpoint.load_checkpoint(saved)


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(saved):
    checkpoint.save_checkpoint(saved.parent / checkpoint.checkpoint_name(5), {**STATE, "step": 5})
    (saved.parent / checkpoint.checkpoint_name(5) / checkpoint._TENSORS).write_bytes(b"")
    with pytest.warns(UserWarning, match="going back"):
        step, state = checkpoint.load_newest_checkpoint(saved.parent)
    assert step == state["step"] == 3


def test_without_any_checkpoint_the_message_says_what_to_do(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match=r"start again, with .* in place of --resume"):
        checkpoint.load_newest_checkpoint(tmp_path)


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 2, 30):
        checkpoint.save_checkpoint(tmp_path / checkpoint.checkpoint_name(step), {"step": step})
    checkpoint.delete_old_checkpoints(tmp_path, keep=2, newest=30)
    assert checkpoint.checkpoint_steps(tmp_path) == [2, 30]


def test_a_damaged_newer_one_does_not_push_out_what_was_just_saved(tmp_path):
    for step in (2, 3, 9):
        checkpoint.save_checkpoint(tmp_path / checkpoint.checkpoint_name(step), {"step": step})
    checkpoint.delete_old_checkpoints(tmp_path, keep=1, newest=3)
    assert checkpoint.checkpoint_steps(tmp_path) == [3, 9]


def test_what_cannot_be_stored_is_refused(tmp_path):
    with pytest.raises(TypeError, match="/hook"):
        checkpoint.save_checkpoint(tmp_path / "c", {"hook": print})
    assert list(tmp_path.iterdir()) == []
