"""The teacher of DGKD, which is given light images."""

from seglet.methods.dgkd.config import Config
from seglet.models.distillation.teachers import Frozen, load_teacher
from seglet.models.heads.ssss import SSSSHead
from seglet.models.layers.normalise import Normalise
from seglet.models.network import Network
from seglet.types import Classes


def load_light_teacher(config: Config, classes: Classes) -> Frozen[Network]:
    """Loads the segmenter that the config names, frozen.

    Raises:
        ValueError: there is none, it has other classes, it does not predict masks from tags, or it needs depth itself.
    """
    if config.teacher is None:
        raise ValueError(
            "teacher: expected a saved segmenter trained on light images; train one (seglet train configs/ssss/…) "
            "and give its folder, or set distil to none"
        )
    teacher = load_teacher(config.teacher, classes)
    if teacher.network.backbone.fusion is not None:
        raise ValueError(f"the teacher {config.teacher} needs depth; expected one of colour images alone")
    if config.learns_from == "tags" and not isinstance(teacher.network.head, SSSSHead):
        raise ValueError(
            f"the teacher {config.teacher} has a {type(teacher.network.head).__name__}; to teach masks from tags it "
            "needs SSSS's (seglet train configs/ssss/…)"
        )
    if config.official:
        teacher.network.backbone.normalise = Normalise((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return teacher
