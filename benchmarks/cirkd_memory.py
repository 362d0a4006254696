"""CIRKD's memory terms at CIRKD's sizes, against the same formula with whole softmaxes and loops over classes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import LossResult, compare, feature_maps
from seglet.losses.distillation.cirkd_memory import cirkd_memory_loss
from seglet.models.distillation.cirkd_memory import CirkdMemory, MemoryDraws
from seglet.tensors import resize_labels

CHANNELS, CLASSES, TEMPERATURE = 512, 19, 0.1


def run() -> LossResult:
    student, teacher = feature_maps(CHANNELS, seed=0), feature_maps(CHANNELS, seed=1)
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(CLASSES, (2, 8, 8), generator=generator).repeat_interleave(65, 1).repeat_interleave(65, 2)
    memory = CirkdMemory(CLASSES, CHANNELS, generator=generator)
    draws = memory.draw(teacher, generator)
    start = {name: value.clone() for name, value in memory.state_dict().items()}

    def ours(maps: Tensor) -> Tensor:
        memory.pixels.position.zero_()
        memory.regions.position.zero_()
        memory.remember(teacher, labels, draws.order)
        return sum(cirkd_memory_loss(maps, teacher, labels, memory.keys(draws), TEMPERATURE), torch.zeros(()))

    def rival(maps: Tensor) -> Tensor:
        return plain(maps, teacher, labels, start, draws)

    shapes = f"{'x'.join(map(str, student.shape))} float32, {CLASSES} classes, queues 20000 and 2000, both terms"
    return compare("cirkd-memory", ours, rival, student, shapes)


def plain(student: Tensor, teacher: Tensor, labels: Tensor, queues: dict[str, Tensor], draws: MemoryDraws) -> Tensor:
    """Writes and reads class by class, then one softmax over all pixels and keys."""
    own, other = (F.normalize(maps, dim=1).permute(0, 2, 3, 1).flatten(1, 2) for maps in (student, teacher))
    small = resize_labels(labels, student.shape[-2:]).flatten(1)
    pixels, regions = queues["pixels.vectors"], queues["regions.vectors"]
    places = [[0, 0] for _ in range(CLASSES)]
    for vectors, classes, order in zip(other, small, draws.order.flatten(1), strict=True):
        for k in classes.unique().tolist():
            of_class = (classes == k).nonzero().squeeze(1)
            drawn = of_class[order[of_class].argsort()][:16]
            at = places[k]
            pixels[k, at[0] : at[0] + len(drawn)] = vectors[drawn]
            regions[k, at[1]] = F.normalize(vectors[of_class].mean(dim=0), dim=0)
            places[k] = [at[0] + len(drawn), at[1] + 1]
    total = torch.zeros(())
    for queue, slots, count in ((pixels, draws.pixel_slots, 4096), (regions, draws.region_slots, 1024)):
        keys = torch.zeros(0, CHANNELS)
        for k in range(CLASSES):
            keys = torch.cat([keys, queue[k, slots[: count // CLASSES + 1]]])
        log_student = F.log_softmax(own.flatten(0, 1) @ keys.T / TEMPERATURE, dim=1)
        probabilities = F.softmax(other.flatten(0, 1) @ keys.T / TEMPERATURE, dim=1)
        total = total + F.kl_div(log_student, probabilities, reduction="batchmean")
    return total
