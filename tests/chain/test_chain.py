"""A chain: its commands, what is run again and what is not, and what is refused."""

import json
import shutil

import pytest
from tests.data.disk import pairs, text, write_image

import seglet
from seglet.chain.request import ChainRequest
from seglet.chain.run import CHAIN_RECORD, prepare_chain, run_chain
from seglet.chain.summary import result_text
from seglet.cli.main import COMMANDS, find_command, main
from seglet.cli.options.experiment import parse_keys
from seglet.cli.parsing import Parser
from seglet.engine.experiment import known_keys
from seglet.methods import load_method

SCORES = {"miou": 0.5, "intervals": {"miou": [0.4, 0.6]}}
EXPORT = {"bytes": 2_000_000, "milliseconds": {"exported": 12.0}, "timed_at": [64, 64]}


@pytest.fixture
def masks(tmp_path):
    """Images with masks of a cat, in train and val."""
    root = pairs(pairs(tmp_path / "data", "train"), "val", first=2)
    text(root / "classes.txt", "0 background", "1 cat")
    return root


@pytest.fixture
def tagged(tmp_path):
    """The same, of which those to learn from have tags and no masks."""
    root = pairs(tmp_path / "data", "val", first=2)
    for number in range(2):
        write_image(root / f"images/train/{number}.png", shade=number)
    text(root / "classes.txt", "0 background", "1 cat")
    text(root / "tags.csv", "image,tags", *(f"{number}.png,cat" for number in range(4)))
    return root


@pytest.fixture
def ask(tmp_path):
    """Function that returns a request about a folder."""
    return lambda data, **more: ChainRequest(data, tmp_path / "model.onnx", tmp_path / "work", **more)


class Commands:
    """Stands for the processes: notes the commands and writes what they make, up to the one that is to fail."""

    def __init__(self, plan, fails=""):
        self.plan, self.fails, self.ran = plan, fails, []

    def __call__(self, words, printed):
        step = next(step for step in self.plan.steps if words in (step.words, step.again))
        self.ran.append((step.name, words))
        if step.name == self.fails:
            (step.begun or step.makes.parent).mkdir(parents=True, exist_ok=True)
            return 2
        text(step.makes, json.dumps(SCORES))
        if printed is not None:
            text(printed, json.dumps(EXPORT))
        return 0


def names(plan):
    return [step.name for step in plan.steps]


def accepted(words):
    """True if the command's own parser takes the words, and its method has the keys."""
    name, rest = find_command(words)
    parser = Parser(name)
    __import__(f"seglet.cli.{COMMANDS[name].module}", fromlist=["add_arguments"]).add_arguments(parser)
    if name == "train" and "--resume" not in words:
        arguments, keys = parser.read_known(rest)
        return parse_keys(keys).keys() <= set(known_keys(load_method(arguments.config).Config))
    parser.read_known_with_method(rest)
    return True


def test_tags_become_labels_and_labels_a_student(ask, tagged):
    plan = prepare_chain(ask(tagged))
    assert names(plan) == ["check", "labels", "student", "score", "report", "export"]
    assert "--method imagenet --groups voc --cam_scales 1.5 2" in plan.steps[1].command
    assert all(accepted(step.words) for step in plan.steps)


def test_every_round_learns_from_the_one_before(ask, tagged):
    plan = prepare_chain(ask(tagged, rounds=2, steps=7))
    assert names(plan)[1:5] == ["labels-1", "student-1", "labels", "student"]
    assert f"predict {plan.student}-1/model --scales" in plan.steps[3].command
    assert "--steps 7" in plan.steps[4].command


def test_masks_get_a_teacher_where_there_is_time(ask, masks):
    alone = prepare_chain(ask(masks, minutes=1))
    taught = prepare_chain(ask(masks, teacher="big"))
    assert names(alone) == ["check", "student", "score", "report", "export"]
    assert {"fotf", "--teacher", "big"} <= set(taught.steps[1].words)
    assert all(accepted(step.words) for step in (*alone.steps, *taught.steps))


def test_points_are_imported_and_scored_on_the_masks_that_are_there(ask, masks):
    plan = prepare_chain(ask(masks, shapes=text(masks / "points.csv", "image,label,shape,points")))
    assert names(plan) == ["check", "import", "check-import", "student", "score", "report", "export"]
    assert "--train_split all,none --val_split none,val --student fpn-efficientnet_lite0" in plan.steps[3].command
    assert all(accepted(step.words) for step in plan.steps)


def test_a_single_split_is_divided(ask, tmp_path):
    text(pairs(tmp_path / "flat", count=10) / "classes.txt", "0 background", "1 cat")
    plan = prepare_chain(ask(tmp_path / "flat"))
    assert "--val 0.2" in plan.steps[0].command
    assert plan.labels.startswith("8 images to learn from, 8 with masks, 0 with tags; 2 with masks to score on")


def test_an_interrupted_chain_goes_on_where_it_was(ask, tagged):
    request, plan = ask(tagged), prepare_chain(ask(tagged))
    with pytest.raises(ValueError, match="ended with status 2"):
        run_chain(request, plan, run=Commands(plan, fails="student"))
    again = Commands(prepare_chain(request))
    done = run_chain(request, again.plan, run=again)
    assert [name for name, _ in again.ran] == ["student", "score", "report", "export"]
    assert again.ran[0][1] == ("train", "--resume", "--out", str(plan.student))
    assert "mIoU 50.00 % (95 %: 40.0 – 60.0) on split 'val'" in result_text(done)


def test_another_request_is_refused_unless_the_old_one_may_go(ask, tagged):
    plan = prepare_chain(ask(tagged))
    run_chain(ask(tagged), plan, run=Commands(plan))
    with pytest.raises(ValueError, match="a chain with another steps, None and not 9"):
        prepare_chain(ask(tagged, steps=9))
    new = prepare_chain(ask(tagged, steps=9), overwrite=True)
    run_chain(ask(tagged, steps=9), new, overwrite=True, run=(ran := Commands(new)))
    assert [name for name, _ in ran.ran] == names(new)


def test_nothing_of_others_is_overwritten(ask, tagged, tmp_path):
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        prepare_chain(ask(tagged))
    text(tmp_path / "other/thesis.txt", "mine")
    with pytest.raises(ValueError, match="choose a new folder with --work"):
        prepare_chain(ChainRequest(tagged, tmp_path / "new.onnx", tmp_path / "other"))


def test_names_are_compared_with_the_table_of_the_data(ask, tagged):
    with pytest.raises(ValueError, match="'dog' is only in one"):
        prepare_chain(ask(tagged, names=("cat", "dog")))
    assert names(prepare_chain(ask(tagged, names=("Cat",))))[0] == "check"


def test_names_become_the_table_where_there_is_none(ask, tagged, tmp_path):
    for path in (tagged / "masks", tagged / "images/val"):
        shutil.rmtree(path)
    (tagged / "classes.txt").unlink()
    text(tagged / "tags.csv", "image,tags", "0.png,cat", "1.png,cat")
    plan = prepare_chain(request := ask(tagged, names=("dog", "cat")))
    run_chain(request, plan, run=Commands(plan))
    assert (tmp_path / "work/classes.txt").read_text() == "background\ndog\ncat\n"
    assert f"--classes {tmp_path / 'work' / 'classes.txt'}" in plan.steps[0].command
    assert names(plan) == ["check", "labels", "check-labels", "student", "export"]


def test_a_dry_run_prints_the_commands_and_writes_nothing(tagged, tmp_path, capsys):
    assert main(["auto", str(tagged), "--dry-run", "--work", str(tmp_path / "work")]) == 0
    out = capsys.readouterr().out
    assert "way: tags; 2 images have tags, and ImageNet has classes for all" in out
    assert "seglet predict --method imagenet" in out
    assert not (tmp_path / "work").exists()
    assert seglet.auto(tagged, work=tmp_path / "work", dry_run=True).record["learns_from"] == "tags"


@pytest.mark.slow
def test_the_whole_chain_makes_a_file_that_predicts(masks, tmp_path):
    report = seglet.auto(masks, out=tmp_path / "m.onnx", work=tmp_path / "work", steps=2)
    assert report.record["miou"] > 0
    assert (tmp_path / "work" / CHAIN_RECORD).is_file()
    assert seglet.load(tmp_path / "m.onnx").classes.names == ("background", "cat")
