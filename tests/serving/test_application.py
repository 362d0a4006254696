"""What the REST server answers. Access: test_access.py; its process: test_server.py."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from seglet.images import read_mask


def file_of(size, form="PNG"):
    content = io.BytesIO()
    Image.new("RGB", size, (90, 20, 200)).save(content, form)
    return content.getvalue()


def test_a_mask_is_that_of_predict_byte_for_byte(client, model, images, seglet, tmp_path):
    assert seglet("predict", model, images / "images/val", "--out", tmp_path / "out").code == 0
    for name in ("val0.png", "val1.png"):
        content = (images / "images/val" / name).read_bytes()
        body, form = client.post("/predict", content=content), client.post("/predict", files={"image": content})
        expected = (tmp_path / "out/masks" / name).read_bytes()
        assert (body.status_code, body.headers["content-type"]) == (200, "image/png")
        assert body.content == form.content == expected


def test_the_classes_are_those_of_the_mask(client, images, tmp_path):
    content = (images / "images/val/val0.png").read_bytes()
    (tmp_path / "mask.png").write_bytes(client.post("/predict", content=content).content)
    counts = np.bincount(read_mask(tmp_path / "mask.png").ravel())
    answer = client.post("/predict?format=json", content=content).json()
    assert (answer["height"], answer["width"], answer["void"]) == (32, 32, 0)
    assert {one["id"]: one["share"] for one in answer["classes"]} == {
        label: count / 1024 for label, count in enumerate(counts) if count
    }
    assert all(0 < one["confidence"] <= 1 and one["polygons"] is None for one in answer["classes"])


def test_polygons_enclose_the_pixels_of_their_class(client, images):
    content = (images / "images/val/val0.png").read_bytes()
    answer = client.post("/predict", params={"format": "json", "polygons": True}, content=content).json()
    for one in answer["classes"]:
        enclosed = sum(area(np.array(line)) for line in one["polygons"] or ())
        assert enclosed == (0 if one["name"] == "background" else pytest.approx(one["share"] * 1024))


def area(corners):
    """The area inside a polygon, by the shoelace formula."""
    following = np.roll(corners, -1, axis=0)
    return float(corners[:, 0] @ following[:, 1] - corners[:, 1] @ following[:, 0]) / 2


@pytest.mark.parametrize(
    ("request_of", "status", "message"),
    [
        ({"content": b"no image"}, 415, "'image' is not a readable image; expected one of PNG"),
        ({"files": {"image": ("../a.dng", b"II*\0")}}, 415, "'a.dng' is a camera's raw file"),
        ({"content": file_of((20, 20))[:60]}, 400, "'image' is damaged"),
        ({"content": b""}, 400, "no image was sent"),
        ({"files": {"photo": b"a"}}, 400, "a form needs the file `image`; got photo"),
        ({"files": {"x": b"a"}, "data": {"image": "a"}}, 400, "holds text; send a file"),
        ({"content": file_of((200, 100))}, 413, "beyond the limit of 10000 pixels"),
        ({"content": bytes(1_200_000)}, 413, "send an image of at most 1 MB"),
        ({"content": iter([bytes(700_000)] * 2)}, 413, "too much was uploaded; send an image of at most 1 MB"),
        ({"params": {"format": "bmp"}}, 400, "format: Input should be 'png' or 'json', got 'bmp'"),
        ({"params": {"polygons": "1"}}, 400, "add format=json"),
    ],
)
def test_a_bad_request_is_answered_with_one_line_of_json(request_of, status, message, client):
    answer = client.post("/predict", **request_of)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_an_address_that_is_not_there_is_answered_with_those_that_are(client):
    assert "there are /predict, /classes" in client.get("/").json()["error"]
    assert client.get("/predict").json() == {"error": "Method Not Allowed"}


def test_a_bug_is_answered_without_its_traceback(client, monkeypatch):
    from seglet.serving.service import MaskService

    monkeypatch.setattr(MaskService, "segment", lambda *_: 1 / 0)
    answer = client.post("/predict", content=file_of((9, 9)))
    assert (answer.status_code, answer.json()["error"][:27]) == (500, "this is a bug in seglet; th")


def test_requests_errors_and_latency_are_counted(client):
    before = client.get("/metrics").text
    client.post("/predict", content=file_of((40, 30)))
    client.post("/predict", content=b"no")
    client.get("/nowhere")
    after = client.get("/metrics").text
    for row, more in (
        ('requests_total{path="/predict",status="200"}', 1), ('errors_total{path="/predict",status="415"}', 1),
        ('errors_total{path="other",status="404"}', 1), ('request_seconds_count{path="/predict"}', 2),
        ('request_seconds_bucket{le="+Inf",path="/predict"}', 2), ("pixels_total", 1200),
    ):  # fmt: skip
        assert value(after, row) - value(before, row) == more, row


def value(metrics, row):
    found = re.search(rf"^seglet_{re.escape(row)} (\S+)$", metrics, re.M)
    return float(found[1]) if found else 0.0


def test_every_address_is_described_and_the_page_loads_nothing(client):
    from seglet.serving.application import PATHS

    described = client.get("/openapi.json").json()
    assert {*described["paths"], "/openapi.json"} == set(PATHS)
    assert "422" not in json.dumps(described)
    page = client.get("/docs")
    assert not re.search(r"<script|src=|https?://", page.text)
    assert all(f"{path}</code>" in page.text for path in described["paths"])


def test_classes_have_the_ids_of_masks(client):
    assert client.get("/classes").json()[0] == {"id": 0, "name": "background", "colour": [0, 0, 0]}
