"""Who may ask the page's server, and what its pages may load."""

import asyncio

import pytest

from seglet.webapp.host_check import HostCheck, requested_host


async def fine(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"page"})


def ask(guard, host, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    headers = [] if host is None else [(b"host", host.encode())]
    asyncio.run(guard({"type": kind, "headers": headers}, None, send))
    return sent


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "[::1]"])
def test_this_machine_is_answered(host):
    assert ask(HostCheck(fine), host)[0]["status"] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", None])
def test_a_page_of_others_is_not(host):
    refused = ask(HostCheck(fine), host)
    assert refused[0]["status"] == 421
    assert b"page" not in refused[1]["body"].split()[:1]


def test_neither_is_its_socket():
    assert ask(HostCheck(fine), "evil.example", "websocket") == [{"type": "websocket.close", "code": 1008}]


def test_whoever_serves_others_on_purpose_refuses_no_name():
    assert ask(HostCheck(fine, hosts=()), "box.example:7860")[0]["status"] == 200


def test_a_page_may_load_nothing_from_elsewhere():
    headers = dict(ask(HostCheck(fine), "localhost")[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert headers[b"a"] == b"b"
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert "*" not in policy


def test_what_is_no_request_passes():
    assert ask(HostCheck(fine), None, "lifespan")[0]["status"] == 200


@pytest.mark.parametrize(("given", "expected"), [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")])
def test_a_port_is_no_part_of_a_name(given, expected):
    assert requested_host({"headers": [(b"host", given.encode())]}) == expected
