"""`seglet cost`: comparisons of kinds of annotation, their costs and the recommendation."""

import json
import math
from xml.etree import ElementTree

import pytest

from seglet.cli.main import main
from seglet.data.opening import open_dataset
from seglet.data.splits.fractions import LabelledPortion
from seglet.engine.experiment import resolve_experiment
from seglet.results import runner
from seglet.results.experiments import experiment_keys
from seglet.results.label_cost.chart import cost_chart
from seglet.results.label_cost.cost_data import folder_cost_data, world_cost_data
from seglet.results.label_cost.plan import CostStudy, shared_keys
from seglet.results.label_cost.recommendation import CostPoint, CostStep, cost_steps, recommend, worthwhile_points
from seglet.results.label_cost.times import AnnotationTimes, duration_text, sparse_seconds


def point(name, cost, mean, half):
    """Two seeds that agree, so that only the images scatter, by `half`."""
    return CostPoint(name, cost, (mean, mean), ((mean - half, mean + half),) * 2)


TAGS, FEW, ALL = point("tags", 60, 0.20, 0.01), point("few", 180, 0.40, 0.02), point("all", 1440, 0.41, 0.02)


def test_the_interval_adds_the_spreads_of_seeds_and_of_images():
    three = CostPoint("a", 1, (0.40, 0.42, 0.44), ((0.37, 0.43), (0.39, 0.45), (0.41, 0.47)))
    seeds = 4.303 * 0.02 / math.sqrt(3)  # t of two degrees of freedom, deviation .02
    assert three.half_width == pytest.approx(math.sqrt(seeds**2 + 0.03**2))
    assert three.interval == (pytest.approx(0.42 - 0.05804, abs=1e-5), pytest.approx(0.42 + 0.05804, abs=1e-5))


def test_one_seed_says_nothing():
    alone = CostPoint("a", 1, (0.4,), ((0.39, 0.41),))
    assert alone.interval == (0.0, 1.0)
    assert CostStep(alone, point("b", 2, 0.9, 0.0)).comparison == "cannot tell apart"


@pytest.mark.parametrize(
    ("mean", "comparison"),
    [(0.24, "better"), (0.22, "cannot tell apart"), (0.19, "cannot tell apart"), (0.16, "worse")],
)
def test_only_intervals_apart_make_a_difference(mean, comparison):
    assert CostStep(TAGS, point("other", 90, mean, 0.015)).comparison == comparison


def test_each_is_compared_with_the_most_expensive_that_was_worth_its_cost():
    assert [(step.cheap.name, step.dear.name, step.comparison) for step in cost_steps([ALL, FEW, TAGS])] == [
        ("tags", "few", "better"),
        ("few", "all", "cannot tell apart"),
    ]
    assert [point.name for point in worthwhile_points([ALL, FEW, TAGS])] == ["tags", "few"]


def test_a_step_has_the_gain_of_an_hour():
    assert str(CostStep(TAGS, FEW)) == "tags → few, 120 min more: clearly better, +20.0 points, 10 points an hour"
    assert "21.0 h more: cannot tell apart (+1.0 points" in str(CostStep(FEW, ALL))


def test_the_recommendation_names_the_clearly_better_and_the_unsure():
    assert recommend([TAGS, FEW, ALL]) == (
        "Recommendation: tags (60 min); few if you have 3.0 h. Cannot tell apart few and all; "
        "more --seeds, or more images to score on, may change that."
    )
    assert "Nothing more expensive is clearly better" in recommend([FEW, ALL])
    assert recommend([FEW, point("all", 1440, 0.3, 0.01)]) == (
        "Recommendation: few (3.0 h). Nothing more expensive is better."
    )


def test_times_are_published_ones_or_given():
    assert AnnotationTimes.of("voc", 20, None, None).tags == 20.0
    assert AnnotationTimes.of("voc", 20, None, None).mask == 239.7
    assert AnnotationTimes.of("cityscapes", 19, None, None).mask == 5400
    own = AnnotationTimes.of("voc", 3, 2.0, 90.0)
    assert (own.tags, own.mask) == (6.0, 90.0)
    assert "as given" in own.source
    with pytest.raises(ValueError, match="above 0"):
        AnnotationTimes.of("voc", 20, None, -1.0)


@pytest.mark.parametrize(
    ("kind", "regions", "mark", "seconds"),
    [
        ("points", 2.8, None, 23.27),  # 18.5 * 1 + 1.5 * 2.4 + 1.3 * 0.9, the 23.3 s of Bearman et al.
        ("scribbles", 1.5, None, 34.85),  # 18.5 * 1 + 1.5 * 10.9, their 34.9 s
        ("boxes", 2.8, None, 39.6),  # 20 * 1 + 2.8 * 7
        ("boxes", 2.8, 35.0, 118.0),
        ("points", 2.0, 4.0, 26.5),
    ],
)
def test_marks_of_an_image_of_voc_take_as_long_as_published(kind, regions, mark, seconds):
    assert sparse_seconds(kind, 20.0, 20, 1.5, regions, mark) == pytest.approx(seconds)


def test_minutes_count_the_images_that_are_annotated():
    source, times = world_cost_data("world", "train", "test", 400), AnnotationTimes(10.0, 240.0, "")
    assert CostStudy(source, (LabelledPortion(1, 8), LabelledPortion(20))).minutes(times) == {
        "tags": pytest.approx(400 * 10 / 60),
        "masks for 1/8": 50 * 4,
        "masks for 20": 20 * 4,
        "masks for all": 400 * 4,
    }


@pytest.mark.parametrize(("time", "words"), [(0.5, "0.5 min"), (66.7, "67 min"), (120, "120 min"), (1598, "26.6 h")])
def test_durations_are_in_minutes_or_hours(time, words):
    assert duration_text(time) == words


def test_the_curve_is_sound_xml_with_a_mark_for_each_kind():
    tree = ElementTree.fromstring(cost_chart([TAGS, point("<b>", 600, 0.5, 0.6)], "what & why"))
    assert len(tree.findall("{http://www.w3.org/2000/svg}circle")) == 2


def test_each_seed_has_its_draw_and_the_users_description_is_left_alone(images, tmp_path):
    assert main(["data", "check", str(images)]) == 0
    before = (images / "dataset.json").read_bytes()
    source = folder_cost_data(str(images), tmp_path / "out", ("train", "val"), [LabelledPortion(1)], (0, 1))
    source.write()
    for seed in range(2):
        assert len(open_dataset(source.data, f"1-seed{seed}/labelled")) == 1
    assert (images / "dataset.json").read_bytes() == before
    rows = CostStudy(source, (LabelledPortion(1),), by_few="supervised").rows()
    assert rows["masks-for-1"]["train_split"] == "1-seed{seed}/labelled"


def test_a_key_holds_for_the_methods_that_have_it():
    source = world_cost_data("world", "train", "test", 40)
    keys = {"student_weights": "tiny-resnet18-w25", "steps": 9}
    found = CostStudy(source, by_tags="diclip", keys=keys).rows()
    assert {name: "student_weights" in recipe for name, recipe in found.items()} == {
        "tags": False, "masks-for-1_8": True, "masks-for-all": True,
    }  # fmt: skip
    assert shared_keys({"student_weights": "a", "steps": 9}) == {"steps": 9}
    with pytest.raises(ValueError, match="key 'frobs'"):
        CostStudy(source, keys={"frobs": 1}).rows()


@pytest.mark.parametrize("by_tags", ["ssss", "diclip"])
@pytest.mark.parametrize("by_few", ["fixmatch", "supervised"])
def test_every_run_of_a_curve_is_a_sound_experiment(by_tags, by_few, tmp_path):
    source = world_cost_data("world", "train", "test", 40)
    plan = CostStudy(source, seeds=(0, 1), by_tags=by_tags, by_few=by_few).table(tmp_path, "")
    for cell in plan.cells():
        assert resolve_experiment(None, experiment_keys(plan, cell)).settings.seed == cell.seed


def test_images_without_masks_are_refused(images, tmp_path):
    (images / "masks" / "train" / "train1.png").unlink()
    (images / "tags.csv").write_text("train/train0.png,ball\ntrain/train1.png,box\n")
    with pytest.raises(ValueError, match="1 of 2 images of split 'train' have no mask"):
        folder_cost_data(str(images), tmp_path / "out", ("train", "val"), [], (0, 1))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1"], "two --seeds"),
        (["--seeds", "1", "1"], "two --seeds"),
        (["--few", "3/2"], "'3/2'"),
        (["--few", "some"], "'some'"),
        (["--mask-seconds", "0"], "above 0"),
        (["--train_split", "val"], "--train_split"),
    ],
)
def test_wrong_options_are_refused(seglet, tmp_path, words, message):
    done = seglet("cost", "world", "--out", tmp_path / "out", *words)
    assert (done.code, message in done.err) == (2, True)


SMALL = ("--steps", 1, "--crop", 16, 16, "--width", 0.125, "--batch", 2, "--jobs", 1)


@pytest.fixture
def in_this_process(monkeypatch):
    """The tasks of a table, without a new Python for each."""
    monkeypatch.setattr(runner, "run_task", lambda task, threads, stop: task.run())


def test_short_runs_become_a_curve(seglet, images, tmp_path, in_this_process, unchecked):
    words = ("cost", images, "--few", 1, "--sparse", "points", "--seeds", 0, 1, "--out", tmp_path / "out", *SMALL)
    first = seglet(*words)
    assert first.code == 0, first.err
    found = json.loads((tmp_path / "out" / "cost.json").read_text())
    assert [(entry["name"], len(entry["scores"])) for entry in found["points"]] == [
        ("tags", 2), ("points", 2), ("masks for 1", 2), ("masks for all", 2),
    ]  # fmt: skip
    assert found["recommendation"] in first.out
    assert found["points"][3]["minutes"] == pytest.approx(2 * 239.7 / 60)
    assert (tmp_path / "out" / "cost.svg").exists()
    assert "other results" in seglet(*words, "--dropout", 0.2).err
    again = json.loads(seglet(*words, "--mask-seconds", 60, "--json").out)  # nothing is trained again
    minutes = {entry["name"]: entry["minutes"] for entry in again["points"]}
    assert minutes.pop("points") > minutes["tags"]  # each point takes longer than an answer
    assert list(minutes.values()) == [pytest.approx(2 * 10 / 60), 1.0, 2.0]
