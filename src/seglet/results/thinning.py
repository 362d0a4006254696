"""Sparse labels of a table's row: points, scribbles or boxes simulated from the masks that other rows learn from."""

from dataclasses import dataclass
from pathlib import Path

from seglet.data.simulated_labels import SparseKind, SparseSimulation

THINNED = "thinned"
"""Folder of the data set to train on, below that of the row's sparse labels."""
THINNING_RECORD = "thinned.json"
"""File with the numbers of images, regions and classes, which is written last."""


@dataclass(frozen=True)
class ThinTask:
    """Writes the data of a row with `kind` in place of the masks of `split`, and counts what a person would mark.

    Scenes of the embedded world are drawn into `folder` first, `scenes` of them and `val_scenes` to validate on.
    """

    folder: str
    data: str
    split: str
    kind: SparseKind
    seed: int
    scenes: int = 0
    val_scenes: int = 0

    def run(self) -> None:
        """Writes data and record, anew where an earlier attempt was interrupted."""
        from seglet.data.folder_dataset import describe_data
        from seglet.data.opening import names_world
        from seglet.files import delete_path, write_json
        from seglet.inference.thinned_set import thin_split

        folder = Path(self.folder)
        delete_path(folder)
        source = self._drawn_scenes(folder / "whole") if names_world(self.data) else Path(self.data)
        thinned = folder / THINNED
        done = thin_split(describe_data(source), self.split, thinned, SparseSimulation(self.kind), self.seed)
        counts = {"images": done.images, "regions": done.regions / done.images, "present": done.present}
        write_json(folder / THINNING_RECORD, {"kind": self.kind, "labelled": done.labelled, **counts})

    def _drawn_scenes(self, folder: Path) -> Path:
        """Writes scenes of the embedded world as a data set, and returns its folder."""
        from PIL import Image

        from seglet.data.class_table import CLASS_FILE, class_table_text
        from seglet.data.world.options import open_world
        from seglet.files import path_below, write_text
        from seglet.images import write_mask

        for split, scenes in ((self.split, self.scenes), ("val", self.val_scenes)):
            world = open_world(self.data, split, scenes=scenes)
            for index in range(len(world)):
                sample = world.read(index)
                assert sample.labels is not None  # `split` has masks
                image = path_below(folder / "images" / split, sample.id, ".png")
                image.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(sample.image).save(image)
                write_mask(path_below(folder / "masks" / split, sample.id, ".png"), sample.labels, world.classes)
            write_text(folder / CLASS_FILE, class_table_text(world.classes))
        return folder
