"""Simulates active labelling on a data set whose masks are all there: curves of mIoU over labelled images.

    python examples/active_labelling.py CamVid --out runs/active --seeds 0 1 2
    python examples/active_labelling.py voc12_animals --out runs/active-voc --seeds 0 1 2 --start 20 --batch 20

Each strategy starts from the same random images of a seed. In a round a network is trained on what is labelled and
scored on the val split; then the strategy takes the next images. `random` draws them; `mix` is the default of
`seglet label --next`; any other is a mix of its own, such as `uncertainty=1` or `diversity=1,rarity=1`. Finished rounds
are kept in `results.json`, so an interrupted simulation goes on; curves are drawn to `curves.svg`.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import seglet
from seglet.data.description import Description, ImageItem
from seglet.data.folder_dataset import describe_data
from seglet.engine.console import print_message
from seglet.inference.inputs import ImageFile
from seglet.inference.models import load_model
from seglet.inference.next_images import NextOptions, rank_images
from seglet.inference.options import InferenceOptions
from seglet.inference.teaching_value import ValueMix
from seglet.report.charts import line_chart

Points = dict[str, dict[str, list[float]]]
"""Scores of the val split by strategy and seed, a number for each round."""


@dataclass(frozen=True)
class Simulation:
    """What all rounds share: the data, the sizes, and the keys of each training."""

    data: Description
    out: Path
    start: int
    batch: int
    rounds: int
    resize: float
    keys: dict[str, object]

    def run(self, strategy: str, seed: int) -> list[float]:
        """Returns the mIoU of each round."""
        items, scores = {item.id: item for item in self.data.items("train")}, list[float]()
        order = np.random.default_rng(seed).permutation(sorted(items)).tolist()
        labelled = order[: self.start]
        for number in range(self.rounds):
            folder = self.out / f"seed{seed}" / ("start" if number == 0 else f"{strategy}-{number}")
            model = self.train(folder, [items[name] for name in labelled], seed)
            scores.append(float(seglet.evaluate(model, folder / "dataset.json", resize=self.resize).miou))
            print_message(f"{strategy}, seed {seed}: {len(labelled)} images, mIoU {100 * scores[-1]:.1f} %")
            if number + 1 < self.rounds:
                rest = [name for name in order if name not in set(labelled)]
                labelled = labelled + self.choose(strategy, model, folder, [items[name] for name in rest])
        return scores

    def train(self, folder: Path, items: Sequence[ImageItem], seed: int) -> Path:
        """Trains on these images, unless it was done before, and returns the folder of the last network."""
        folder.mkdir(parents=True, exist_ok=True)
        splits = {"train": tuple(items), "val": self.data.items("val")}
        replace(self.data, splits=splits).save(folder / "dataset.json")
        if not (folder / "run/last/config.json").is_file():
            keys = {"selection": "last", "validate_every": 10**9, "seed": seed, "resize": self.resize, **self.keys}
            seglet.train("supervised", data=folder / "dataset.json", out=folder / "run", overwrite=True, **keys)
        return folder / "run/last"

    def choose(self, strategy: str, model: Path, folder: Path, rest: Sequence[ImageItem]) -> list[str]:
        """Returns the names of the next images."""
        if strategy == "random":
            return [item.id for item in rest[: self.batch]]  # they are shuffled already
        mix = ValueMix.parse(() if strategy == "mix" else strategy.split(","))
        options = NextOptions(self.batch, mix, labelled=str(folder / "dataset.json"))
        files = [ImageFile(item.image, item.id) for item in rest]
        found = rank_images(load_model(str(model), "auto"), files, options, InferenceOptions(resize=self.resize))
        return [image.name for image in found.images]


def table(points: Points, labelled: Sequence[int]) -> str:
    """Returns the scores as text: mean over the seeds, and how far they go."""
    lines = ["images      " + "".join(f"{count:>16}" for count in labelled)]
    for strategy, seeds in points.items():
        rounds = [[100 * score for score in column] for column in zip(*seeds.values(), strict=True)]
        cells = [f"{statistics.mean(one):.1f} ({min(one):.1f}–{max(one):.1f})" for one in rounds]
        lines.append(f"{strategy:<12}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data set with masks of its splits train and val")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--strategies", nargs="+", default=["random", "mix"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--start", type=int, default=20, help="images labelled at first")
    parser.add_argument("--batch", type=int, default=20, help="images labelled in a round")
    parser.add_argument("--rounds", type=int, default=4, help="trainings of each strategy and seed")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--resize", type=float, default=0.5)
    parser.add_argument("--crop", type=int, default=192)
    given = parser.parse_args()
    keys: dict[str, object] = {
        "steps": given.steps, "crop": given.crop, "batch": 8, "workers": 0, "student": "fpn-efficientnet_lite0",
        "optimiser": "adamw", "learning_rate": 1e-3, "output_stride": 32,
    }  # fmt: skip
    description = describe_data(given.data)
    simulation = Simulation(description, given.out, given.start, given.batch, given.rounds, given.resize, keys)
    file, points = given.out / "results.json", Points()
    given.out.mkdir(parents=True, exist_ok=True)
    if file.is_file():
        points = json.loads(file.read_text())
    for seed in given.seeds:
        for strategy in given.strategies:
            if str(seed) not in points.setdefault(strategy, {}):
                points[strategy][str(seed)] = simulation.run(strategy, seed)
                file.write_text(json.dumps(points, indent=1))
    labelled = [given.start + number * given.batch for number in range(given.rounds)]
    means = {name: [statistics.mean(c) for c in zip(*s.values(), strict=True)] for name, s in points.items()}
    curves = {name: list(zip(map(float, labelled), values, strict=True)) for name, values in means.items()}
    (given.out / "curves.svg").write_text(line_chart("mIoU by labelled images", curves, percent=True))
    print_message(table(points, labelled))


if __name__ == "__main__":
    main()
