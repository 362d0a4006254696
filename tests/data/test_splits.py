import hashlib
import json
from importlib.resources import files

import pytest

from seglet.data.errors import DataError
from seglet.data.splits.official import full_split_name, official_split_ids, official_split_names

MANIFEST = json.loads((files("seglet.data") / "split_lists" / "MANIFEST.json").read_text())["files"]
WHOLE = {"pascal": 10582, "coco": 118287, "cityscapes": 2975}
SPLITS = sorted({name.rsplit("/", 1)[0] for name in official_split_names() if name.endswith("/labeled")})


def test_first_labelled_pascal_image_is_the_authors():
    assert official_split_ids("pascal/92/labeled")[0] == "2007_000733"
    assert len(official_split_ids("pascal/92/labeled")) == 92


@pytest.mark.parametrize(("name", "entry"), list(zip(official_split_names(), MANIFEST, strict=True)))
def test_ids_give_back_the_source_file_byte_for_byte(name, entry):
    ids = official_split_ids(name)
    assert len(ids) == len(set(ids)) == entry["count"]
    if entry["exact"]:
        lines = (entry["template"].format(id=i, split=entry["split"], city=i.split("_")[0]) for i in ids)
        blob = ("\n".join(lines) + entry["tail"]).encode()
        assert hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest() == entry["blob"]


@pytest.mark.parametrize("split", SPLITS)
def test_labelled_and_unlabelled_share_the_training_set_and_nothing_of_val(split):
    data = split.split("/")[0]
    labelled, unlabelled = set(official_split_ids(f"{split}/labeled")), set(official_split_ids(f"{split}/unlabeled"))
    assert len(labelled | unlabelled) == len(labelled) + len(unlabelled) == WHOLE[data]
    assert not (labelled | unlabelled) & set(official_split_ids(f"{data}/val"))


def test_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(DataError, match=r"no split list 'pascal/93/labeled'; did you mean 'pascal/92/labeled'\?"):
        official_split_ids("pascal/93/labeled")


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("voc/92", "pascal/92/labeled"),
        ("pascal/92", "pascal/92/labeled"),
        ("voc/92/unlabeled", "pascal/92/unlabeled"),
        ("voc/val", "pascal/val"),
        ("cityscapes/1_16", "cityscapes/1_16/labeled"),
        ("1_8/labelled", "1_8/labelled"),
        ("voc/93", "voc/93"),
    ],
)
def test_lists_have_short_names_and_others_stay_as_they_are(short, full):
    assert full_split_name(short) == full


def test_a_list_is_read_by_its_short_name():
    assert official_split_ids("voc/92") == official_split_ids("pascal/92/labeled")
