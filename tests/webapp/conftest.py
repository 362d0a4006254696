"""A real browser, and the page as a command of its own. Tests that want them are skipped where they are missing."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import model, seglet

__all__ = ["model", "seglet"]

SRC = Path(__file__).parents[2] / "src"
PATIENCE = 300
"""Seconds that a busy machine may take."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1280,1600",
)


def until(found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `found` returns as soon as it is true; errors meanwhile mean that it is not yet."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if value := found():
                return value
        except Exception as error:  # noqa: BLE001  a driver has many, and the page is not there yet
            last = error
        time.sleep(0.1)
    raise AssertionError("the page never showed it") from last


class Browser:
    """Chromium without a window: where it went, what it said, what it fetched."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def one(self, selector: str) -> Any:
        """The first element of a CSS selector, as soon as it is there."""
        return until(lambda: self.driver.find_element("css selector", selector))

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def text(self, selector: str) -> str:
        return str(self.one(selector).get_attribute("textContent"))

    def complaints(self) -> list[str]:
        """Errors in the console since last time, such as what the page's policy forbade."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def asked(self) -> set[str]:
        """Schemes and hosts of all requests since last time."""
        sent = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [
            one["params"] for one in sent if one["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")
        ]
        urls = [one["request"]["url"] if "request" in one else one["url"] for one in sent]
        inside = ("data:", "blob:")
        return {url[:5] if url.startswith(inside) else "/".join(url.split("/")[:3]) for url in urls}

    def downloaded(self, name: str) -> Path:
        """A file, as soon as it is whole."""
        file = self.downloads / name
        until(lambda: file.is_file() and not list(self.downloads.glob("*.crdownload")))
        return file


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if importlib.util.find_spec("selenium") is None:
        pytest.skip("selenium is not installed; `pip install selenium` drives a browser")
    if chromium is None or chromedriver is None:
        pytest.skip("there is no chromium with chromedriver; on Debian: apt-get install chromium chromium-driver")
    from selenium import webdriver

    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    driver.set_page_load_timeout(PATIENCE)
    driver.set_script_timeout(PATIENCE)
    yield Browser(driver, downloads)
    driver.quit()


class Served:
    """`seglet app …` in a process of its own, its temporary files in `temporary`; whatever it would ask of other
    machines goes to `proxy`, where nobody answers. `opened` is its address with the token.
    """

    def __init__(self, words: tuple[object, ...], temporary: Path) -> None:
        self.temporary = temporary
        self.proxy = socket.create_server(("127.0.0.1", 0))
        self.proxy.setblocking(False)
        away = f"http://127.0.0.1:{self.proxy.getsockname()[1]}"
        environment = {**os.environ, "PYTHONPATH": str(SRC), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), away)
        environment |= {"GRADIO_ALLOWED_PATHS": "/"}  # which must not be heeded
        command = [sys.executable, "-m", "seglet", "app", *map(str, words), "--json"]
        self.process = subprocess.Popen(command, env=environment, cwd=temporary, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.opened = json.loads(line)["address"] if line else ""
        self.address, _, self.token = self.opened.partition("?token=")

    def end(self) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.proxy.close()
        return code

    def asked_elsewhere(self) -> bool:
        """Whether it tried to reach another machine."""
        try:
            self.proxy.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Starts pages, and ends them all."""
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed; `pip install seglet[app]` brings it")
    started: list[Served] = []

    def start(*words: object) -> Served:
        started.append(Served(words, tmp_path_factory.mktemp("served")))
        assert started[-1].address, "the command ended at once"
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
