import pytest

from seglet.engine.experiment import resolve_experiment
from seglet.engine.run import Run, changed_keys, source_commit
from seglet.engine.settings import PLACES_OF_DATA
from seglet.engine.train import StartOptions, train_experiment
from seglet.values import ConfigError


def written(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    return tmp_path / "a.yaml"


def test_the_command_line_lies_over_the_file_over_the_defaults(tmp_path):
    experiment = resolve_experiment(written(tmp_path, "method: fotf\nkappa: 3\nsteps: 7\n"), {"kappa": "9"})
    assert (experiment.config.kappa, experiment.settings.steps, experiment.config.m) == (9.0, 7, 1.0)
    assert experiment.origin["kappa"] == "command line"
    assert experiment.origin["steps"].endswith("a.yaml")
    assert experiment.origin["m"] == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: fotff\n", "did you mean 'fotf'"),
        ("method: fotf\nsteps: 1\nsteps: 2\n", "gives steps more than once"),
        ("method: fotf\nkapa: 3\n", r"'kapa' \(did you mean 'kappa'\?\)"),
        ("method: supervised\nkappa: 3\n", "unknown key 'kappa'"),
        ("method: fotf\nkappa: [1\n", "not plain YAML"),
        ("- method\n", "flat list"),
        ("method: !!python/object/apply:os.system ['true']\n", "not plain YAML"),
        ("steps: 3\n", "no 'method'"),
        ("method: fotf\nbatch: 5\ndevices: 2\n", "batch 5 cannot be shared"),
        ("method: fotf\nscale: [2, 1]\n", "scale"),
        ("method: fotf\nflip: 2\n", "flip: expected 0 to 1"),
        ("method: fotf\nsteps: 010\n", "010, which YAML reads in base 8"),
        ("method: fotf\nworkers: 100000\n", "workers: expected at most 256"),
        ("method: fotf\nseed: 9223372036854775808\n", "seed: expected at most"),
        ("method: fotf\ncache: 1.0e+300\n", "cache: expected at most"),
        ("method: fotf\nbatch: 1000000000\n", "batch: expected at most"),
        ("method: fotf\nworld_scenes: 1000000000000\n", "world_scenes: expected at most"),
        ("method: fotf\nval_batch: 0\n", "val_batch: expected at least 1, got 0"),
        ("method: fotf\nval_stride: 8\n", "val_window, val_stride: stride .* means nothing without a window"),
        ("method: fotf\nval_window: 8\nval_stride: 9\n", "val_window, val_stride: stride .* the window"),
        ("method: fotf\nlearning_rate: -1\n", "learning_rate"),
        ("method: fotf\ndark: nite\n", "did you mean 'night'"),
        ("method: fotf\ndark_stops: [4, 2]\n", "dark_stops: expected 0 <= low <= high"),
        ("method: fotf\ndark_share: 2\n", "dark_share: expected 0 to 1"),
        ("method: fotf\nclip: 0\n", "clip: expected above 0"),
    ],
)
def test_a_wrong_file_is_refused_with_its_cure(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        resolve_experiment(written(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml"):
        resolve_experiment(tmp_path / "nothing.yaml", {})


def test_what_cannot_change_the_result_may_change_on_resume():
    assert changed_keys({"workers": 2, "kappa": 5}, {"workers": 0, "kappa": 5}) == []
    assert changed_keys({"kappa": 5}, {"kappa": 6}) == ["kappa: was 5, now 6"]


def test_another_place_of_the_same_data_is_no_change_but_the_world_is():
    was, now = {"data": "/here/d", "light": "a", "seed": 1}, {"data": "/there/d", "light": "b", "seed": 1}
    assert changed_keys(was, now, PLACES_OF_DATA) == []
    assert changed_keys(was, now) == ["data: was '/here/d', now '/there/d'", "light: was 'a', now 'b'"]
    assert changed_keys(was, {**now, "data": "world"}, PLACES_OF_DATA) == ["data: was '/here/d', now 'world'"]
    assert changed_keys({"light": None}, {"light": "b"}, PLACES_OF_DATA) == ["light: was None, now 'b'"]


@pytest.mark.parametrize(("found", "refused"), [("same", ()), ("other", ("data: was", "data of val: the images"))])
def test_a_run_is_resumed_where_its_data_moved_only_if_their_content_agrees(tmp_path, found, refused):
    run = Run(tmp_path)
    begun, moved = (resolve_experiment(None, {"method": "supervised", "data": place}) for place in ("/here", "/there"))
    run.start(begun, {"train": "same", "val": "same"}, overwrite=False)
    if refused:
        with pytest.raises(ConfigError, match=r"(?s)" + ".*".join(refused)):
            run.resume(moved, {"train": "same", "val": found}, force=False)
    else:
        run.resume(moved, {"train": "same", "val": found}, force=False)
        assert resolve_experiment(run.experiment, {}).settings.data == "/there"


def test_a_run_whose_data_are_gone_asks_for_their_new_place(tmp_path):
    lost = resolve_experiment(None, {"method": "supervised", "data": str(tmp_path / "gone")})
    with pytest.raises(ConfigError, match=r"gone' are not there; where they moved, give --data"):
        train_experiment(lost, tmp_path / "run", StartOptions(resume=True))


def test_a_damaged_experiment_of_a_run_is_named(tmp_path):
    (tmp_path / "experiment.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"experiment\.yaml is not plain YAML"):
        Run(tmp_path).resume(resolve_experiment(None, {"method": "fotf"}), {}, force=False)


def test_a_record_needs_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert source_commit() is None


def test_lines_after_the_resumed_step_and_half_lines_go(tmp_path):
    run = Run(tmp_path)
    run.metrics.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    run.cut_metrics(2)
    assert run.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_the_home_stands_for_a_tilde_in_keys_of_files_and_calls(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    file = tmp_path / "a.yaml"
    file.write_text("method: fotf\ndata: ~/d\nteacher: ~/t\n")
    found = resolve_experiment(file, {"columns": "~/c"}).values()
    assert [found[key] for key in ("data", "teacher", "columns")] == ["/home/me/d", "/home/me/t", "/home/me/c"]


def test_a_home_that_is_not_known_is_an_error_with_a_cure(monkeypatch):
    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", no_home)
    with pytest.raises(ValueError, match=r"'~/d' begins with is not known; write the path out"):
        resolve_experiment(None, {"method": "supervised", "data": "~/d"})
