"""The network that is learnt from."""

from seglet.models.network import Network
from seglet.models.segmenter import load
from seglet.models.teachers import Frozen
from seglet.types import Classes


def load_teacher(source: str, classes: Classes) -> Frozen[Network]:
    """The network of a saved segmenter, frozen.

    Raises:
        ValueError: it tells other classes apart than `classes`, or in another order.
    """
    teacher = load(source)
    if teacher.classes.names != classes.names:
        raise ValueError(
            f"the teacher {source} and the data have different classes; "
            f"the teacher's {len(teacher.classes)}: {', '.join(teacher.classes.names)}; "
            f"the data's {len(classes)}: {', '.join(classes.names)}; "
            "train a teacher on data with these classes in this order (seglet train configs/supervised/…), or none"
        )
    return Frozen(teacher.network)
