"""Words that the fuzzer makes command lines of. No table is named, and training stays dry, so nothing is trained."""

COMMANDS = (
    ["data"],
    ["data", "check"],
    ["data", "check", "PICTURES"],
    ["data", "view"],
    ["data", "view", "world:scenes=3,size=16", "--out", "views.png"],
    ["train", "--dry-run"],
    ["train", "supervised", "--dry-run"],
    ["prepare"],
    ["prepare", "supervised"],
    ["evaluate"],
    ["evaluate", "MODEL", "--data", "world:scenes=2,size=16"],
    ["evaluate", "MODEL", "--data", "PICTURES"],
    ["predict"],
    ["predict", "MODEL", "PICTURES/images/val", "--out", "new"],
    ["predict", "MODEL", "PICTURES/images/val", "--out", "new", "--pseudo-labels"],
    ["refine"],
    ["refine", "PICTURES/masks/val", "--pictures", "PICTURES/images/val", "--out", "new", "--jobs", "1"],
    ["convert"],
    ["convert", "MODEL/model.safetensors", "--classes", "world", "--out", "converted"],
    ["table"],
)
OPTIONS = (
    "--help", "--json", "--out", "--data", "--split", "--device", "--scales", "--flip", "--window", "--stride",
    "--classes", "--masks", "--coding", "--void", "--stray", "--max-pixels", "--leave-out", "--config", "--count",
    "--samples", "--seed", "--overwrite", "--architecture", "--input", "--world-size", "--resize", "--batch",
    "--convention", "--dry-run", "--resume", "--crop", "--rows", "--steps", "--student", "--train_split", "--scale",
    "--flip=0.5", "--workers", "--", "-", "-x", "--=", "--jsn", "--out=", "--json=1",
    "--tags", "--tags-key", "--refiner", "--crf-settings", "--confidence", "--scores", "--pictures", "--steps=2",
    "--pseudo-labels", "--threshold", "--score-on", "--score-split", "--no-flip", "--background-power",
    "--list", "--clean", "--audit", "--columns",
)  # fmt: skip
VALUES = (
    "MODEL", "PICTURES", "PICTURES/images/val", "PICTURES/classes.txt", "PICTURES/images/val/val0.png", "world",
    "world:scenes=2", "world:scenes=2,size=16", "world:=", "world:sid=3", "world:size=2", "val", "train", "new.png",
    "new", "other", ".", "", "cpu", "auto", "meta", "0", "1", "2", "-1", "3", "16", "0.5", "nan", "inf", "1e999",
    "9" * 40, "binary_255", "voc", "all", "true", "deeplabv3-resnet18", "imagenet", "\0", "\ud800", "a\nb", "none",
    "x" * 5000,
)  # fmt: skip
