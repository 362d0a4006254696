"""Data by URL on a server that speaks S3: nothing is lost and nothing is silently short, whatever befalls a request."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow, of the extra `shards`, is not installed")
pytest.importorskip("s3fs", reason="s3fs, of the extra `cloud`, is not installed")
pytest.importorskip("moto", reason="moto[server], which plays an object store, is not installed")

from data.shards.sets import packed
from seglet.data.errors import DataError
from seglet.data.opening import open_dataset
from seglet.stores.mirror import local_folder, publish, published
from seglet.stores.remote_place import ChangedObjectError, MissingObjectError, RemotePlace
from stores.s3_server import Faults, running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Faults]]:
    with running() as found:
        yield found


@pytest.fixture
def faults(server: tuple[str, Faults], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Faults:
    address, found = server
    for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("seglet.stores.remote_place._FIRST_WAIT", 0.01)
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)  # its own; ours are tested
    found.kinds, found.reads = [], 0
    return found


@pytest.fixture
def url(faults: Faults, tmp_path: Path) -> str:
    place = RemotePlace(f"s3://bucket-{abs(hash(str(tmp_path)))}/set")
    place.filesystem().mkdir(place.name.removeprefix("s3://").split("/")[0])
    publish(packed(tmp_path / "a"), place)
    return place.name


def append_and_fail(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"3")
    raise ZeroDivisionError


def same_samples(one, other) -> bool:
    return all(np.array_equal(a.image, b.image) and a.id == b.id for a, b in zip(one, other, strict=True))


def test_samples_by_url_are_those_of_the_folder(url: str, tmp_path: Path) -> None:
    assert same_samples(open_dataset(url, "train"), open_dataset(tmp_path / "a-shards", "train"))


@pytest.mark.parametrize("kind", ["error", "throttle", "slow", "torn", "short"])
def test_faults_cost_time_and_no_byte(url: str, faults: Faults, tmp_path: Path, kind: str) -> None:
    faults.kinds = [kind, kind, "", kind]
    assert same_samples(open_dataset(url, "train"), open_dataset(tmp_path / "a-shards", "train"))
    assert faults.kinds == []


def test_a_store_that_stays_away_is_an_error_and_no_short_data(url: str, faults: Faults) -> None:
    faults.kinds = ["short"] * 99
    with pytest.raises(DataError, match="5 attempts failed"):
        open_dataset(url, "train")


def test_what_was_read_is_not_read_again(url: str, faults: Faults) -> None:
    list(open_dataset(url, "train"))
    before = faults.reads
    list(open_dataset(url, "train"))
    assert faults.reads == before


def test_an_object_that_changes_is_an_error(url: str) -> None:
    place = RemotePlace(url)
    (tar, *_) = (name for name in place.names() if name.endswith(".tar"))
    place.size(tar)
    content = bytearray(place.filesystem().cat_file(place.path_of(tar)))
    content[600] ^= 1
    place.filesystem().pipe_file(place.path_of(tar), bytes(content))
    with pytest.raises(ChangedObjectError, match="changed while it was read"):
        place.read(tar)
    with pytest.raises(DataError, match="is not what the manifest says"):
        list(open_dataset(url, "train"))


def test_a_bucket_that_lists_but_does_not_read_is_said(url: str, faults: Faults) -> None:
    place = RemotePlace(url)
    name = place.names()[0]
    faults.kinds = ["denied"] * 9
    with pytest.raises(DataError, match="may list it and yet refuse its content"):
        place.read(name)


def test_a_missing_bucket_and_missing_credentials_are_said(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingObjectError, match="check the bucket and the path"):
        RemotePlace("s3://nobody-has-this/set").size("x")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(DataError, match="needs credentials"):
        RemotePlace("s3://nobody-has-this/set").size("x")


def test_results_are_published_and_continued(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = url.replace("/set", "/run")
    with published(out) as folder:
        folder.mkdir()
        (folder / "weights").write_bytes(b"12")
        (folder / "record.json").write_text("{}")
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(ZeroDivisionError), published(out) as folder:
        append_and_fail(folder / "weights")
    assert RemotePlace(out).read("weights") == b"123"


def test_a_folder_larger_than_the_cache_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGLET_CACHE_SIZE", "1KB")
    with pytest.raises(DataError, match="seglet data shard"):
        local_folder(url)
