import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from benchmarks._memory import LiveBytes

from seglet.data.dataset import Sample
from seglet.evaluation.evaluate import Evaluation, EvaluationOptions, evaluate_samples
from seglet.evaluation.scores import Scores
from seglet.types import IGNORE, Classes

CLASSES = Classes(("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def sample(index: int, size: tuple[int, int] = (9, 8)) -> Sample:
    """An image whose strongest channel is the label, but for every fifth pixel; the first row is void."""
    rng = np.random.default_rng(index)
    labels = rng.integers(0, 3, size).astype(np.uint8)
    shown = np.where(rng.random(size) < 0.2, rng.integers(0, 3, size), labels)
    image = np.where(shown[..., None] == np.arange(3), 200, rng.integers(0, 150, (*size, 3))).astype(np.uint8)
    labels[0] = IGNORE
    return Sample(f"image {index}", image, labels)


def colours(images: torch.Tensor) -> torch.Tensor:
    return 5 * images


def plain(samples: list[Sample]) -> np.ndarray:
    """Every pixel of every image in memory at once."""
    images = np.concatenate([s.image.reshape(-1, 3) for s in samples])
    labels = np.concatenate([s.labels.reshape(-1) for s in samples])
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (labels[labels != IGNORE], images.argmax(1)[labels != IGNORE]), 1)
    return matrix


def test_the_matrix_is_that_of_all_pixels_at_once() -> None:
    samples = [sample(index) for index in range(7)]
    result = evaluate_samples(colours, samples, CLASSES)
    assert np.array_equal(result.confusion, plain(samples))
    assert result.count == 7
    assert result.scores()["miou"] == Scores.from_confusion(plain(samples)).mean_iou()


def test_a_module_predicts_in_evaluation_mode_and_is_put_back_into_its_own() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Dropout(0.5))
    network[1].eval()
    before = network[0].running_mean.clone()
    found = evaluate_samples(network, [sample(0)], CLASSES).confusion
    assert (network[0].training, network[1].training) == (True, False)
    assert torch.equal(network[0].running_mean, before)
    assert np.array_equal(found, plain([sample(0)]))  # fresh statistics leave images as they are


def test_neither_batches_nor_order_change_anything() -> None:
    samples = [sample(index, (9, 8 + index // 3)) for index in range(8)]
    wanted = evaluate_samples(colours, samples, CLASSES).as_dict()
    for batch, given in ((4, samples), (3, samples[::-1])):
        found = evaluate_samples(colours, given, CLASSES, EvaluationOptions(batch=batch)).as_dict()
        assert found["confusion"] == wanted["confusion"]
        assert found["intervals"] == wanted["intervals"]
        assert found["ece_15"] == pytest.approx(wanted["ece_15"], rel=1e-12)


def test_only_neighbours_of_one_size_share_a_batch() -> None:
    seen = []

    def watched(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return colours(images)

    samples = [sample(i, (5, width)) for i, width in enumerate([4, 4, 4, 6, 4])]
    evaluate_samples(watched, samples, CLASSES, EvaluationOptions(batch=2))
    assert seen == [2, 1, 1, 1]


def test_scores_are_taken_at_the_size_of_the_labels() -> None:
    small = sample(0)
    large = Sample("large", small.image, np.zeros((18, 16), np.uint8))
    assert evaluate_samples(colours, [large], CLASSES).confusion.sum() == 18 * 16


def test_progress_gets_the_number_of_images_done() -> None:
    done = []
    evaluate_samples(colours, map(sample, range(5)), CLASSES, EvaluationOptions(batch=2), done.append)
    assert done == [2, 4, 5]


def test_what_is_written_is_json_without_nan() -> None:
    empty = evaluate_samples(colours, [], CLASSES)
    assert json.loads(json.dumps(empty.as_dict(), allow_nan=False))["miou"] is None
    found = json.loads(json.dumps(evaluate_samples(colours, [sample(0)], CLASSES).as_dict(), allow_nan=False))
    assert [row["name"] for row in found["classes"]] == ["red", "green", "blue"]
    assert [len(found["reliability"][bins]) for bins in ("10", "15")] == [10, 15]
    assert found["intervals"]["miou"][0] <= found["miou"] <= found["intervals"]["miou"][1]


def test_the_table_has_a_line_for_each_class_and_mean() -> None:
    text = evaluate_samples(colours, map(sample, range(3)), CLASSES).table()
    lines = text.splitlines()
    assert lines[0].split() == ["class", "IoU", "%", "95", "%", "interval", "accuracy", "%", "pixels"]
    assert [line.split()[0] for line in lines[1:4]] == list(CLASSES.names)
    assert sum(line.startswith("mIoU") for line in lines) == 3
    assert lines[-1] == "3 images, 192 labelled pixels"


def test_the_table_of_nothing_has_dashes() -> None:
    assert "–" in evaluate_samples(colours, [], CLASSES, EvaluationOptions(replicas=0)).table()


def test_a_sample_without_labels_is_named() -> None:
    with pytest.raises(ValueError, match="sample 'x' has no labels"):
        evaluate_samples(colours, [Sample("x", sample(0).image, None)], CLASSES)


def test_a_label_that_is_no_class_is_named_with_its_sample() -> None:
    wrong = Sample("x", sample(0).image, np.full((9, 8), 7, np.uint8))
    with pytest.raises(ValueError, match=r"sample 'x': labels hold 7 \(72 pixels\)"):
        evaluate_samples(colours, [wrong], CLASSES)


def test_logits_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected logits \(1, 3, h, w\), got \(1, 2, 9, 8\)"):
        evaluate_samples(lambda images: images[:, :2], [sample(0)], CLASSES)


def test_a_network_that_diverged_is_not_scored() -> None:
    with pytest.raises(ValueError, match=r"logits are nan at 72 of 72 places"):
        evaluate_samples(lambda images: images * math.nan, [sample(0)], CLASSES)


def peaks_of(count: int) -> tuple[int, int]:
    options = EvaluationOptions(replicas=10)
    with LiveBytes() as tensors:
        evaluate_samples(colours, map(sample, range(count)), CLASSES, options)
    tracemalloc.start()
    evaluate_samples(colours, map(sample, range(count)), CLASSES, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return tensors.peak, peak


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    # What the interpreter allocates on the side (caches, another thread's garbage) only ever adds: the least of
    # several runs is what the evaluation itself needs.
    few, many = ([peaks_of(count) for _ in range(4)] for count in (2, 40))
    assert min(many)[0] == min(few)[0]
    assert min(peak for _, peak in many) < min(peak for _, peak in few) + 10_000


def test_without_processes_reduce_changes_nothing() -> None:
    result = evaluate_samples(colours, [sample(0)], CLASSES)
    assert result.reduce() is result


def test_processes_add_up_to_one(tmp_path: Path) -> None:
    mp.spawn(share, (tmp_path,), nprocs=2)
    wanted = evaluate_samples(colours, map(sample, range(5)), CLASSES).as_dict()
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert found.pop("ece_10") == pytest.approx(wanted["ece_10"], rel=1e-12)
        for name in ("confusion", "intervals", "images", "classes"):
            assert found[name] == json.loads(json.dumps(wanted[name]))


def share(rank: int, folder: Path) -> None:
    """One of two processes that evaluate five images, three and two."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    result: Evaluation = evaluate_samples(colours, map(sample, range(rank, 5, 2)), CLASSES)
    (folder / f"{rank}.json").write_text(json.dumps(result.reduce().as_dict()))
    dist.destroy_process_group()


def test_a_result_shows_its_mean_and_a_line_for_each_class() -> None:
    result = evaluate_samples(colours, [sample(0)], CLASSES)
    assert result.miou == result.scores()["miou"]
    assert repr(result).startswith(f"Evaluation: mIoU {100 * result.miou:.2f} %")
    assert all(name in repr(result) for name in CLASSES.names)


def test_a_notebook_gets_a_table_with_names_escaped() -> None:
    classes = Classes(("<red>", "green", "blue"), CLASSES.colours)
    shown = evaluate_samples(colours, [sample(0)], classes)._repr_html_()
    assert shown.count("<tr>") == 1 + 3 + 7
    assert "&lt;red&gt;" in shown


def test_a_result_of_nothing_can_be_shown() -> None:
    assert "mIoU – %" in repr(Evaluation(CLASSES))
    assert "0 images" in Evaluation(CLASSES)._repr_html_()


def test_predictions_are_scored_as_pseudo_labels_where_that_is_asked_for() -> None:
    trusting, doubting = (
        evaluate_samples(colours, [sample(0)], CLASSES, EvaluationOptions(trust=(least,) * len(CLASSES))).scores()
        for least in (0.0, 1.1)
    )
    assert (trusting["trusted"], doubting["trusted"]) == (1, 0)
    assert trusting["precision"] == pytest.approx(trusting["pixel_accuracy"])
    assert "trusted" not in evaluate_samples(colours, [sample(0)], CLASSES).scores()
