"""The network that saw the light."""

from seglet.methods.dgkd.config import Config
from seglet.models.distillation.teachers import Frozen, load_teacher
from seglet.models.heads.ssss import SSSSHead
from seglet.models.layers.normalise import Normalise
from seglet.models.network import Network
from seglet.types import Classes


def open_teacher(config: Config, classes: Classes) -> Frozen[Network]:
    """The saved segmenter that the config names, frozen.

    Raises:
        ValueError: there is none, it has other classes, its logits are no masks, or it is told depth itself.
    """
    if config.teacher is None:
        raise ValueError(
            "teacher: expected a saved segmenter that learned in the light; train one (seglet train configs/ssss/…) "
            "and give its folder, or set distil to none"
        )
    teacher = load_teacher(config.teacher, classes)
    if teacher.network.backbone.fusion is not None:
        raise ValueError(f"the teacher {config.teacher} is told depth; expected one that sees colours alone")
    if config.learns_from == "tags" and not isinstance(teacher.network.head, SSSSHead):
        raise ValueError(
            f"the teacher {config.teacher} has a {type(teacher.network.head).__name__}; to teach masks from tags it "
            "needs SSSS's (seglet train configs/ssss/…)"
        )
    if config.official:
        teacher.network.backbone.normalise = Normalise((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return teacher
