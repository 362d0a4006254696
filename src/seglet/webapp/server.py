"""Gradio's server for the page: on this machine alone, without telemetry, and with no files left when it ends."""

import contextlib
import importlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seglet.locks import lock_folder
from seglet.web.callers import LOOPBACK
from seglet.web.limits import UPLOAD_MEGABYTES
from seglet.webapp.request_check import RequestCheck

_MISSING_GRADIO = "the page needs Gradio; run `pip install seglet[app]`"
_PRIVATE_SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",  # else the browser keeps all requests, and offers to upload them
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_PREFIX = "seglet-app-"
_FONTS = ["system-ui", "sans-serif"]
"""Fonts of the user's machine; Gradio's own themes may load some of Google's."""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Gives a temporary folder for all files of Gradio and of the page; deletes it at the end.

    One that a killed command left, whose lock nobody holds any more, is deleted at the beginning. Gradio reads folders
    to serve, hosts and more from the environment; meanwhile only the settings made here are there.
    """
    before = dict(os.environ)
    direct = ",".join(filter(None, [before.get("NO_PROXY") or before.get("no_proxy"), "127.0.0.1,localhost"]))
    _delete_abandoned()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, lock_folder(Path(folder)):
        for name in [name for name in before if name.startswith("GRADIO_")]:
            del os.environ[name]
        os.environ.update({"GRADIO_TEMP_DIR": folder, "NO_PROXY": direct, "no_proxy": direct, **_PRIVATE_SETTINGS})
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(before)


def _delete_abandoned() -> None:
    """Deletes this user's folders of commands that were killed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):  # gone meanwhile, or in use
            if not folder.is_symlink() and folder.stat().st_uid == user:
                with lock_folder(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def import_gradio() -> Any:
    """Imports Gradio; to be called inside `private_folder`.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module("gradio")
    except ImportError as error:
        raise ValueError(f"{_MISSING_GRADIO} ({error})") from error


@contextlib.contextmanager
def serve_page(gr: Any, page: Any, folder: Path, host: str, port: int | None) -> Iterator[str]:
    """Serves the page inside the context, and of files those in `folder` alone; gives its address, with a new token.

    Raises:
        ValueError: the port is taken, or the host is not this machine's.
    """
    token = secrets.token_urlsafe(24)
    theme = gr.themes.Base(font=_FONTS, font_mono=["ui-monospace", "monospace"])
    try:
        _, address, _ = page.queue(max_size=16, default_concurrency_limit=1, api_open=False).launch(
            server_name=host, server_port=port, prevent_thread_lock=True, quiet=True, inbrowser=False, share=False,
            show_error=False, allowed_paths=[], max_file_size=UPLOAD_MEGABYTES * 1_000_000, enable_monitoring=False,
            ssr_mode=False, pwa=False, mcp_server=False, footer_links=[], state_session_capacity=16, theme=theme,
            css=_style(), app_kwargs={"middleware": [_middleware(folder, host, token)]},
        )  # fmt: skip
    except OSError as error:
        where = f"{host}:{port}" if port else host
        raise ValueError(f"cannot serve at {where} ({error}); choose another --port, or leave it out") from error
    try:
        yield f"{address}?token={token}"
    finally:
        page.close(verbose=False)


def _style() -> str:
    from seglet.webapp.html import PAGE_STYLE

    return PAGE_STYLE


def _middleware(folder: Path, host: str, token: str) -> Any:
    """Returns the check of requests; a page for other machines is opened by this one's names, or by a number."""
    kind: Callable[..., Any] = importlib.import_module("starlette.middleware").Middleware
    others = host not in LOOPBACK
    names = (*LOOPBACK, host, socket.gethostname(), socket.getfqdn()) if others else LOOPBACK
    return kind(RequestCheck, folder=folder, hosts=names, addresses=others, token=token)
