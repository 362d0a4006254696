"""`seglet train`: what it says at the end."""

from pathlib import Path

from seglet.apps.train import WORLD_SIZE, hints
from seglet.engine.settings import Settings


def test_the_next_commands_read_pictures_at_the_size_of_training():
    scored, used = hints(Path("run/model"), Settings(data="d", val_split="test", resize=0.5))
    assert scored == "next: seglet evaluate run/model --data d --split test --resize 0.5"
    assert used.strip() == "seglet predict run/model PICTURES --out predictions --resize 0.5"


def test_a_world_of_another_size_is_scored_at_that_size():
    assert hints(Path("m"), Settings(world_size=96))[0].endswith("--split val --world-size 96")
    assert hints(Path("m"), Settings())[0].endswith("--data world --split val")
    assert Settings().world_size == WORLD_SIZE
