"""The app under load: images from several clients at once, as the page in a browser sends them."""

import http.client
import importlib.util
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from tools.reliability.row import Row, tally

_CLIENTS, _IMAGES = 10, 5
_PATIENCE = 300
_DONE = '"process_completed"'


def load_rows(place: Path) -> Iterator[Row]:
    """Yields the rows of the app; without Gradio, one that says so."""
    name, evidence = "the app under load", f"{_IMAGES} images from each of {_CLIENTS} clients at once, answered"
    if importlib.util.find_spec("gradio") is None:
        yield Row(name, 0, 0, "not run: Gradio is not installed")
        return
    build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES).save(place / "model")
    command = [sys.executable, "-m", "seglet", "app", str(place / "model"), "--samples", "2", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(place)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as app:
        assert app.stdout is not None
        address = str(json.loads(app.stdout.readline())["address"])
        with ThreadPoolExecutor(_CLIENTS) as clients:
            results = [one for client in clients.map(_client, [address] * _CLIENTS) for one in client]
        app.send_signal(signal.SIGTERM)
        code = app.wait(_PATIENCE)
    seconds = sorted(time for _, time in results)
    slow = f"{evidence}; p50 {seconds[len(seconds) // 2]:.1f} s, p95 {seconds[int(0.95 * (len(seconds) - 1))]:.1f} s"
    yield tally(name, slow, [(text[-60:], _succeeded(text)) for text, _ in results])
    left = [path.name for path in place.glob("seglet-app-*")]
    ended = [(f"exit code {code}, {left}", code == 143 and not left)]
    yield tally("the app is terminated after it", "exit code 143; no upload is left", ended)


def _succeeded(event: str) -> bool:
    return _DONE in event and '"success":true' in event.replace(" ", "")


def _client(address: str) -> list[tuple[str, float]]:
    """Sends images one after the other; returns what each was answered, and how long that took."""
    cookie = _enter(address)
    results = []
    for index in range(_IMAGES):
        content = io.BytesIO()
        Image.fromarray(np.asarray(World("val", scenes=50, size=64).read(index).image)).save(content, "PNG")
        begin = time.monotonic()
        try:
            text = _predict(address, cookie, content.getvalue())
        except (OSError, ValueError, http.client.HTTPException) as error:
            text = f"{type(error).__name__}: {error}"
        results.append((text, time.monotonic() - begin))
    return results


def _enter(address: str) -> str:
    """Opens the page as a browser does; returns the cookie that it sets, if it does."""
    place = urlsplit(address)
    answer = _ask(address, "GET", f"{place.path or '/'}?{place.query}", {})
    answer.read()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def _predict(address: str, cookie: str, image: bytes) -> str:
    """Uploads an image, asks for its prediction and returns the events until that is there."""
    mark, headers = secrets.token_hex(8), {"cookie": cookie}
    head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
    kind = {**headers, "content-type": f"multipart/form-data; boundary={mark}"}
    answer = _ask(address, "POST", "/gradio_api/upload", kind, head + image + f"\r\n--{mark}--\r\n".encode())
    [path] = json.loads(answer.read())
    file = {"path": path, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}
    asked: dict[str, Any] = {"data": [[file], "mask", ""], "fn_index": 0, "session_hash": mark}
    kind = {**headers, "content-type": "application/json"}
    _ask(address, "POST", "/gradio_api/queue/join", kind, json.dumps(asked).encode()).read()
    events = _ask(address, "GET", f"/gradio_api/queue/data?session_hash={mark}", headers)
    text = ""
    while line := events.readline().decode():
        text = line
        if _DONE in line:
            break
    return text


def _ask(address: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_PATIENCE)
    connection.request(method, path, body, headers)
    return connection.getresponse()
