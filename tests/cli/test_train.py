"""`seglet train`: what it says at the end."""

from pathlib import Path

from seglet.cli.main import main
from seglet.cli.options.experiment import parse_keys
from seglet.cli.train import _WORLD_SIZE, next_commands
from seglet.engine.run import default_run_name
from seglet.engine.settings import Settings


def test_the_next_commands_read_images_at_the_size_of_training():
    scored, used = next_commands(Path("run/model"), Settings(data="d", val_split="test", resize=0.5))
    assert scored == "next: seglet evaluate run/model --data d --split test --resize 0.5"
    assert used.strip() == "seglet predict run/model IMAGES --out predictions --resize 0.5"


def test_the_next_commands_have_the_windows_of_validation():
    scored, used = next_commands(Path("m"), Settings(data="d", val_window=(512, 256), val_stride=(512, 200)))
    assert scored.endswith("--split val --window 512 256 --stride 512 200")
    assert used.endswith("--out predictions --window 512 256 --stride 512 200")


def test_a_world_of_another_size_is_scored_at_that_size():
    assert next_commands(Path("m"), Settings(world_size=96))[0].endswith("--split val --world-size 96")
    assert next_commands(Path("m"), Settings())[0].endswith("--data world --split val")
    assert Settings().world_size == _WORLD_SIZE


def test_a_runs_default_name_is_that_of_method_data_set_and_file():
    assert default_run_name("fotf", Path("configs/fotf/world.yaml")) == "fotf-world"
    assert default_run_name("distill", Path("configs/distill/voc/pspnet-cwd.yaml")) == "distill-voc-pspnet-cwd"
    assert default_run_name("distill", Path("configs/distill/voc.yaml#pspnet-cwd")) == "distill-voc-pspnet-cwd"
    assert default_run_name("distill", Path("mine/pspnet-cwd.yaml")) == "distill-pspnet-cwd"
    assert default_run_name("fotf", None) == "fotf-default"


def test_the_keys_of_distill_come_with_its_terms(capsys):
    assert main(["train", "distill", "--keys"]) == 0
    told = capsys.readouterr().out
    assert "--terms = ('kl',)  (one or more of text)" in told
    assert "cwd: CWD: channel-wise distributions over positions" in told
    assert "weight=50" in told


def test_a_list_is_taken_word_by_word_from_the_command_line():
    overrides = parse_keys(["--terms", "kl", "cwd weight=3 tap=logits", "--kappa", "3"])
    assert overrides == {"terms": ["kl", "cwd weight=3 tap=logits"], "kappa": "3"}


def test_a_restartable_run_is_begun_and_then_resumed(seglet, tmp_path, monkeypatch):
    started = []

    def note_start(experiment, folder, start):
        started.append(start.resume)
        (folder / "experiment.yaml").write_text(experiment.yaml())
        raise ValueError("a process died")

    monkeypatch.setattr("seglet.engine.train.train_experiment", note_start)
    words = ["train", "supervised", "--data", "world", "--out", tmp_path, "--restartable"]
    assert [seglet(*words).code, seglet(*words).code, started] == [2, 2, [False, True]]
    refused = seglet(*words, "--overwrite")
    assert "without --overwrite" in refused.err
