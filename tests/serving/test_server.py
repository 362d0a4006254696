"""The REST server's process: its port, its token, and its end by a signal."""

import http.client
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from seglet.serving.server import TOKEN_VARIABLE, Address, read_token

SRC = Path(__file__).parents[2] / "src"
SERVE = """
import asyncio, signal
signal.signal(signal.SIGTERM, signal.default_int_handler)  # an exception, as seglet.cli.main makes of it
from seglet.serving.server import Address, serve_until_stopped
async def slow(scope, receive, send):
    print("begun", flush=True)
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
serve_until_stopped(slow, Address(port=0), lambda at: print(at, flush=True))
print("stopped")
"""


def test_a_signal_ends_the_server_when_what_has_begun_is_answered():
    pytest.importorskip("uvicorn", reason="serving needs the extra `serve`")
    words = [sys.executable, "-c", SERVE]
    with subprocess.Popen(words, env={"PYTHONPATH": str(SRC)}, stdout=subprocess.PIPE, text=True) as server:
        at = server.stdout.readline().strip().removeprefix("http://")
        with closing(http.client.HTTPConnection(at, timeout=60)) as connection:
            connection.request("GET", "/")
            assert server.stdout.readline() == "begun\n"
            server.send_signal(signal.SIGTERM)
            assert connection.getresponse().read() == b"done"
        assert (server.communicate(timeout=60)[0], server.returncode) == ("stopped\n", 0)


def test_a_port_that_is_taken_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=rf"cannot serve at 127.0.0.1:{port} .*choose another --port"):
            Address(port=port).bind()


@pytest.mark.parametrize(
    ("address", "host", "known"),
    [(Address(), "192.0.2.7:8000", False), (Address(names=("box",)), "box:8000", True),
     (Address("0.0.0.0"), "192.0.2.7:8000", True), (Address("0.0.0.0"), "evil.example", False)],
)  # fmt: skip
def test_a_server_for_other_machines_is_called_by_number_or_by_names_it_was_given(address, host, known):
    assert (host in address.hosts) == known


def test_the_token_is_that_of_the_file_else_of_the_environment_else_new(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "e" * 16)
    (tmp_path / "token").write_text(f"{'f' * 16}\n")
    assert read_token(tmp_path / "token", False) == ("f" * 16, False)
    assert read_token(None, False) == ("e" * 16, False)
    assert read_token(None, True) == (None, False)
    monkeypatch.delenv(TOKEN_VARIABLE)
    (one, new), (other, _) = read_token(None, False), read_token(None, False)
    assert new
    assert len(one) > 30
    assert one != other


@pytest.mark.parametrize("token", ["", "short", "with space and more", "é" * 20])
def test_a_token_that_is_easily_guessed_or_cannot_be_sent_is_refused(token, tmp_path):
    (tmp_path / "token").write_text(token, encoding="utf-8")
    with pytest.raises(ValueError, match="expected 16 or more, ASCII"):
        read_token(tmp_path / "token", False)


def test_without_the_extra_its_name_is_given(model, seglet, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = seglet("serve", model)
    assert (done.code, "run `pip install 'seglet[serve]'`" in done.err) == (2, True)
