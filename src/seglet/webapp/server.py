"""Gradio's server around the page: on this machine alone, silent, and gone without a trace when it ends."""

import contextlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seglet.webapp.host_check import LOOPBACK, Guard
from seglet.webapp.uploads import MEGABYTES

MISSING = "the page needs Gradio; run `pip install seglet[app]`"
SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",  # else the browser keeps all that was asked, and offers to upload it
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
FONTS = ["system-ui", "sans-serif"]
"""Those of the reader's machine; Gradio's own themes may name some of Google's."""


@contextlib.contextmanager
def quarters() -> Iterator[Path]:
    """A folder of our own in which Gradio, and we, keep all files meanwhile; deleted at the end.

    Gradio takes folders to serve, hosts and more from the environment; it finds nothing there but what is said here.
    """
    before = dict(os.environ)
    direct = ",".join(filter(None, [before.get("NO_PROXY") or before.get("no_proxy"), "127.0.0.1,localhost"]))
    with tempfile.TemporaryDirectory(prefix="seglet-app-") as folder:
        for name in [name for name in before if name.startswith("GRADIO_")]:
            del os.environ[name]
        os.environ.update({"GRADIO_TEMP_DIR": folder, "NO_PROXY": direct, "no_proxy": direct, **SILENT})
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(before)


def gradio() -> Any:
    """The module, inside `quarters`.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module("gradio")
    except ImportError as error:
        raise ValueError(f"{MISSING} ({error})") from error


@contextlib.contextmanager
def serving(gr: Any, page: Any, host: str, port: int | None) -> Iterator[str]:
    """Serves the page meanwhile; gives its address.

    Raises:
        ValueError: the port is taken, or the host is not this machine's.
    """
    theme = gr.themes.Base(font=FONTS, font_mono=["ui-monospace", "monospace"])
    hosts = LOOPBACK if host in LOOPBACK else ()
    try:
        _, address, _ = page.queue(max_size=16, default_concurrency_limit=1, api_open=False).launch(
            server_name=host, server_port=port, prevent_thread_lock=True, quiet=True, inbrowser=False, share=False,
            show_error=False, allowed_paths=[], max_file_size=MEGABYTES * 1_000_000, enable_monitoring=False,
            ssr_mode=False, pwa=False, mcp_server=False, footer_links=[], state_session_capacity=16, theme=theme,
            css=_style(), app_kwargs={"middleware": [_middleware(hosts)]},
        )  # fmt: skip
    except OSError as error:
        where = f"{host}:{port}" if port else host
        raise ValueError(f"cannot serve at {where} ({error}); choose another --port, or leave it out") from error
    try:
        yield str(address)
    finally:
        page.close(verbose=False)


def _style() -> str:
    from seglet.webapp.html import STYLE

    return STYLE


def _middleware(hosts: tuple[str, ...]) -> Any:
    kind: Callable[..., Any] = importlib.import_module("starlette.middleware").Middleware
    return kind(Guard, hosts=hosts)
