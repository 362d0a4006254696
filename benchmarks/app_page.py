"""`seglet app` in Chromium: seconds from a dropped image to its mask, against the network alone.

Needs the extra `app`, selenium, and Chromium with its driver.
"""

import importlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks._harness import Result
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.webapp.controller import Controller
from seglet.webapp.page import build_page
from seglet.webapp.predictors import SegmenterPredictor
from seglet.webapp.server import import_gradio, private_folder, serve_page

STUDENT, WIDTH, SIDE, REPEATS = "deeplabv2-resnet18", 0.25, 64, 5
PATIENCE = 600
FIELD, MASK = "#seglet-files input[type=file]", "#seglet-overlay-0 .layer"


@dataclass(frozen=True)
class PageResult(Result):
    """`ours` is from drop to mask, `rival` the network alone, with its Monte-Carlo passes; wall time, medians.

    `serve` is from the import of Gradio to the first answer, `opened` from there to a field that takes images, once.
    `equal` if the page names the classes that the network found.
    """

    serve: float
    opened: float


def run() -> PageResult:
    network = SegmenterPredictor("student", build(Architecture(STUDENT, width=WIDTH), WORLD_CLASSES).eval())
    image = World("test", scenes=1, size=SIDE).read(0).image
    alone, answer = timed(lambda: network.predict(image, "scene.png"))
    found = {WORLD_CLASSES.names[label] for label, _, _ in answer.class_shares()}
    with private_folder() as folder, chromium() as driver:
        Image.fromarray(image).save(folder / "scene.png")
        began = time.perf_counter()
        gr = import_gradio()
        page = build_page(gr, Controller([network], folder / "offered"))
        with serve_page(gr, page, folder, "127.0.0.1", None) as address:
            serve = time.perf_counter() - began
            opened, _ = timed(lambda: opening(driver, address), 1)
            times = []
            for _ in range(REPEATS):
                opening(driver, address)
                times.append(timed(lambda: dropping(driver, folder / "scene.png"), 1)[0])
            rows = driver.find_elements("css selector", "#seglet-table-0 tbody tr td:first-child")
            seen = {row.text for row in rows}
    shapes = f"{STUDENT} at {WIDTH:g}, {SIDE}x{SIDE}, {network.samples} passes, load {os.getloadavg()[0]:.0f}"
    ours = statistics.median(times)
    return PageResult(
        "app-page", ours, alone, ours / alone, "s", seen == found, shapes, torch.get_num_threads(), serve, opened
    )


def timed(call: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Median wall seconds, and what came of it."""
    spent, result = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        result = call()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent), result


def opening(driver: Any, address: str) -> None:
    driver.get(address)
    appears(driver, FIELD)


def dropping(driver: Any, file: Path) -> None:
    driver.find_element("css selector", FIELD).send_keys(str(file))
    appears(driver, MASK)


def appears(driver: Any, selector: str) -> None:
    """
    Raises:
        TimeoutError: it does not.
    """
    end = time.monotonic() + PATIENCE
    while not driver.find_elements("css selector", selector):
        if time.monotonic() > end:
            raise TimeoutError(f"{selector} did not appear in {PATIENCE} s")
        time.sleep(0.01)


@contextmanager
def chromium() -> Iterator[Any]:
    webdriver = importlib.import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ):
        options.add_argument(flag)
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        driver.set_page_load_timeout(PATIENCE)
        try:
            yield driver
        finally:
            driver.quit()
