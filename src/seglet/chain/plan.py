"""The commands of a chain, from the labels that are there to the ONNX file and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seglet.chain.budget import TimeModel
from seglet.chain.request import ChainRequest
from seglet.chain.sources import VAL_SHARE, ChainData, class_file, images_folder
from seglet.chain.steps import ChainStep, option_words
from seglet.chain.ways import Way, choose_way
from seglet.engine.choices import DataFacts, Machine
from seglet.models.backbones.imagenet import find_imagenet_file

_LARGER = "efficientnet_lite2"
_CHOSEN = (
    *("student", "output_stride", "resize", "crop", "batch", "scale"),
    *("optimiser", "learning_rate", "head_rate", "weight_decay", "steps", "warmup", "validate_every"),
)
"""Keys that are written out where `seglet train` does not choose them."""
_OWN_TEACHER = "teacher/model"
_ANEW = option_words(overwrite=True)


@dataclass(frozen=True)
class ChainPlan:
    """A chain: the way, its steps in order, and the names of what they make."""

    way: Way
    labels: str
    """Counts of the labels, in words."""
    steps: tuple[ChainStep, ...]
    student: Path
    scored: str
    """Split with true masks that the student is scored on; empty if there is none."""
    resize: float

    @property
    def seconds(self) -> float:
        """Estimated time of all steps."""
        return sum(step.seconds for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Returns the plan as plain values for JSON."""
        about = {"learns_from": self.way.labels, "reason": self.way.reason, "labels": self.labels}
        made = {"student": str(self.student), "scored": self.scored, "resize": self.resize}
        return {**about, **made, "steps": [step.as_dict() for step in self.steps]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ChainPlan":
        """Builds the plan that `as_dict` turned into these values."""
        way = Way(values["learns_from"], values["reason"])
        steps = tuple(map(ChainStep.from_dict, values["steps"]))
        return cls(way, values["labels"], steps, Path(values["student"]), values["scored"], values["resize"])


def plan_chain(request: ChainRequest, data: ChainData, machine: Machine) -> ChainPlan:
    """Returns the commands from the labels that are there to an exported student.

    Raises:
        ConfigError: nothing can be learned from these labels.
    """
    facts = data.facts
    way = choose_way(facts, request)
    counts = DataFacts(facts.images, facts.scored_images, facts.size, len(facts.classes))
    time = TimeModel(machine, counts, None if request.steps else 60 * request.minutes)
    builder = _Builder(request, data, way, time)
    learn = {"masks": builder.from_masks, "few masks": builder.from_few, "tags": builder.from_tags}
    learn.get(way.labels, builder.from_shapes)()
    builder.finish()
    steps = (*data.steps, *builder.steps)
    return ChainPlan(way, facts.counts(), steps, builder.student, facts.scored, time.resize)


@dataclass
class _Builder:
    """Steps so far, and the data on which the last training was validated."""

    request: ChainRequest
    data: ChainData
    way: Way
    time: TimeModel
    steps: list[ChainStep] = field(default_factory=list)
    student: Path = Path()

    def from_masks(self) -> None:
        """Trains a larger network, if there is time and none is given, and a student that it teaches."""
        teacher, data = self.request.teacher, (*option_words(data=self.data.data), *self._split_words())
        own = not teacher and find_imagenet_file(_LARGER) is not None
        methods = ("teacher", "fotf") if own else ("fotf",) if teacher else ("supervised",)
        steps = self._student_steps(methods)
        if own and self.request.steps is None and not self._in_time(methods, steps):
            own, methods = False, ("supervised",)
            steps = self._student_steps(methods)
        if own:
            words = ("supervised", *data, *option_words(student=f"fpn-{_LARGER}"))
            self._train("teacher", words, steps, "a larger network learns from the masks")
            teacher = str(self.request.work / _OWN_TEACHER)
        if teacher:
            self._train(
                "student", ("fotf", *data, *option_words(teacher=teacher)), steps, "a small network learns from both"
            )
        else:
            self._train("student", ("supervised", *data), steps, "a small network learns from the masks")

    def from_few(self) -> None:
        """Trains a student by consistency, on a few masks and the images without."""
        facts = self.data.facts
        source = option_words(data=self.data.data, unlabelled_split=facts.unlabelled)
        words = ("fixmatch", *source, *self._split_words())
        self._train("student", words, self._student_steps(("fixmatch",)), "a small network learns from all images")

    def from_shapes(self) -> None:
        """Imports points, lines and boxes, and trains a student on the pixels that they name."""
        request, scored, folder = self.request, self.data.facts.scored, self.request.work / "sparse"
        classes = class_file(request) if request.names else None
        options = option_words(images=images_folder(request.data), sparse=True, classes=classes, out=folder)
        made = ("data", "import", str(request.shapes), *options)
        about = "points, lines and boxes become masks, void elsewhere"
        self._add(ChainStep("import", made, folder / "masks", about, self.time.command))
        description = folder / "dataset.json"
        check = ("data", "check", str(folder), *option_words(val=None if scored else VAL_SHARE))
        self._add(ChainStep("check-import", check, description, "", self.time.command))
        steps = self._student_steps(("supervised",))
        keys = option_words(data=folder)
        if scored:  # settings are not chosen for several data sets: here they are, as they would be for one
            both = option_words(data=f"{folder},{self.data.data}", train_split="all,none", val_split=f"none,{scored}")
            keys = (*both, *self._keys(steps))
        self._train("student", ("supervised", *keys), steps, "a small network learns from the named pixels")

    def from_tags(self) -> None:
        """Makes masks from tags, and trains students on them in turn."""
        labeller, work = self.way.labeller or "imagenet", self.request.work
        rounds = self.request.rounds
        methods = (*(["ssss"] if labeller == "ssss" else []), *["supervised"] * rounds)
        images = self.data.facts.images
        spent = self.time.labelling(labeller, images) + (rounds - 1) * self.time.labelling("student", images)
        steps = self._student_steps(methods, spent)
        source = option_words(method=labeller, groups=self.way.groups, cam_scales=(1.5, 2))
        if labeller == "diclip":
            source = option_words(
                method=labeller, clip_model=self.request.clip, attention="identity", cache_from="real"
            )
        elif labeller == "ssss":
            data = option_words(data=self.data.data)
            words = ("ssss", *data, *self._split_words(), *self._ssss_keys(steps))
            self._train("tagger", words, steps, "a network learns from the tags")
            source = (str(work / "tagger" / "model"),)
        for number in range(1, rounds + 1):
            suffix = "" if number == rounds else f"-{number}"
            labels = work / f"labels{suffix}"
            self._label(f"labels{suffix}", source, labels, labeller if number == 1 else "student")
            words = ("supervised", *option_words(data=labels))
            self._train(f"student{suffix}", words, steps, "a small network learns from these masks")
            source = (str(self.student / "model"), *option_words(scales=(1, 0.75, 1.25), flip=True))

    def finish(self) -> None:
        """Adds the score, the report and the export."""
        facts, work, model = self.data.facts, self.request.work, str(self.student / "model")
        true = option_words(data=self.data.data, split=facts.scored)
        if facts.scored:
            words = ("evaluate", model, *true, *option_words(resize=self._resize, out=work / "scores.json"))
            seconds = self.time.scoring(facts.scored_images)
            self._add(ChainStep("score", words, work / "scores.json", "on true masks", seconds))
            words = ("report", str(self.student), *true, *option_words(out=work / "report.html"))
            self._add(ChainStep("report", words, work / "report.html", "one page with the errors", 2 * seconds))
        some = true if facts.scored else option_words(images=images_folder(self.request.data))
        export = ("export", model, *some, *option_words(out=self.request.out, json=True))
        step = ChainStep("export", export, self.request.out, "compared with the network", 2 * self.time.command)
        again = (*export, *_ANEW)
        self._add(replace(step, begun=self.request.out, again=again, printed=work / "export.json"))

    def _label(self, name: str, source: Sequence[str], labels: Path, labeller: str) -> None:
        facts = self.data.facts
        images = option_words(data=self.data.data, split=facts.train, pseudo__labels=True, refiner="par")
        scored = option_words(score__on=self.data.data, score__split=facts.scored) if facts.scored else ()
        made = ("predict", *source, *images, *scored, *option_words(resize=self._resize, out=labels))
        seconds, record = self.time.labelling(labeller, facts.images), labels / "predictions.json"
        step = ChainStep(name, made, record, "masks from tags", seconds, record, (*made, *_ANEW))
        self._add(step)
        if not facts.scored:
            words = ("data", "check", str(labels), *option_words(val=VAL_SHARE))
            self._add(ChainStep(f"check-{name}", words, labels / "dataset.json", "", self.time.command))

    def _train(self, name: str, words: Sequence[str], steps: int, about: str) -> None:
        run, method = self.request.work / name, "teacher" if name == "teacher" else words[0]
        written_out = option_words(steps=steps)[0] in words
        length = () if written_out else option_words(resize=self._resize, steps=steps)
        made = ("train", *words, *length, *option_words(seed=self.request.seed or None, out=run))
        scored = 3 * self.time.scoring(self.data.facts.scored_images)
        seconds = self.time.training(method, steps) + scored
        again = ("train", *option_words(resume=True, out=run))
        self._add(ChainStep(name, made, run / "last" / "config.json", about, seconds, run / "checkpoints", again))
        self.student = run

    def _add(self, step: ChainStep) -> None:
        self.steps.append(step)

    @property
    def _resize(self) -> float | None:
        return None if self.time.resize == 1 else self.time.resize

    def _split_words(self) -> tuple[str, ...]:
        facts = self.data.facts
        train = None if facts.train == "train" else facts.train
        return option_words(train_split=train, val_split=None if facts.scored == "val" else facts.scored)

    def _student_steps(self, methods: tuple[str, ...], spent: float = 0.0) -> int:
        return self.request.steps or self.time.steps(methods, spent + self._around(len(methods)))

    def _around(self, trainings: int) -> float:
        scoring = self.time.scoring(self.data.facts.scored_images)
        return trainings * 3 * scoring + 3 * scoring + 4 * self.time.command

    def _in_time(self, methods: tuple[str, ...], steps: int) -> bool:
        if self.time.seconds is None or self.time.machine.gpu_memory:
            return True
        needed = sum(self.time.training(method, steps) for method in methods) + self._around(len(methods))
        usual = int(self.time.usual("supervised")["steps"])
        return needed <= self.time.seconds and steps >= usual

    def _keys(self, steps: int, **own: Any) -> tuple[str, ...]:
        chosen = {**self.time.usual("supervised", steps=steps), "steps": steps, **own}
        return option_words(**{name: chosen[name] for name in _CHOSEN})

    def _ssss_keys(self, steps: int) -> tuple[str, ...]:
        """Returns the keys with which `seglet table weak-voc` trains SSSS from ImageNet weights."""
        return self._keys(steps, student="ssss-efficientnet_lite0", output_stride=16)
