"""Who may ask the page's server for what, and what its pages may load."""

import asyncio

import pytest

from seglet.web.callers import host_name
from seglet.webapp.request_check import RequestCheck

HERE = "127.0.0.1:7860"
MEGABYTE = 1_000_000


async def fine(scope, receive, send):
    """Reads the whole body, and says which headers came."""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise RuntimeError("gone")
    names = b",".join(name for name, _ in scope["headers"])
    headers = [(b"a", names), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"page"})


def ask(folder, path="/", method="GET", parts=(b"",), wait=0.0, kind="http", check=None, query="", **headers):
    """What is sent for one request, whose body comes in parts."""
    sent, left = [], list(parts)

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    given = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode()}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    asyncio.run((check or RequestCheck(fine, folder))(scope, receive, send))
    return sent


def status(folder, *words, **more):
    return ask(folder, *words, **more)[0].get("status")


@pytest.mark.parametrize("host", [HERE, "localhost:7860", "LOCALHOST", "[::1]:7860", "[::1]"])
def test_this_machine_is_answered(host, tmp_path):
    assert status(tmp_path, host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "192.0.2.7"])
def test_a_page_of_others_is_not(host, tmp_path):
    assert status(tmp_path, host=host) == 421


@pytest.mark.parametrize(("host", "expected"), [("192.0.2.7:7860", 200), ("box", 200), ("evil.example", 421)])
def test_a_page_for_other_machines_is_opened_by_number_or_by_this_ones_name(host, expected, tmp_path):
    check = RequestCheck(fine, tmp_path, hosts=("box",), addresses=True)
    assert status(tmp_path, check=check, host=host) == expected


def test_nobody_opens_a_socket(tmp_path):
    assert ask(tmp_path, kind="websocket") == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000", "http://localhost:7860"])
def test_other_origins_cannot_upload(origin, tmp_path):
    assert status(tmp_path, "/gradio_api/upload", "POST", origin=origin) == 403


def test_the_page_itself_can(tmp_path):
    own = {"origin": f"http://{HERE}", "sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}
    assert status(tmp_path, "/gradio_api/upload", "POST", **own) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/config", "/gradio_api/queue/data", "/assets/a.js"])
def test_other_sites_can_read_nothing(site, path, tmp_path):
    assert status(tmp_path, path, sec_fetch_site=site, sec_fetch_mode="no-cors") == 403


def test_a_link_elsewhere_may_open_the_page(tmp_path):
    assert status(tmp_path, sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200


@pytest.mark.parametrize(
    "path",
    [
        "http://10.0.0.1/a",
        "https://evil.example/a.png",
        "/etc/passwd",
        "{}/../secret",
        "a.png",
        "{}",
        "{}/link",
        "{}/\0",
    ],
)
def test_only_whole_paths_of_own_files_are_served(path, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "secret").touch()
    (own / "link").symlink_to(tmp_path / "secret")
    assert status(own, f"/gradio_api/file={path.format(own)}") == 403


def test_an_own_file_is_served(tmp_path):
    (tmp_path / "a.png").touch()
    assert status(tmp_path, f"/gradio_api/file={tmp_path}/a.png") == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/gradio_api/openapi.json"), ("POST", "/gradio_api/run/predict"), ("GET", "/proxy=http://a"), ("PUT", "/"),
     ("GET", "/monitoring"), ("GET", "/assets\\..\\x"), ("OPTIONS", "/"), ("POST", "/gradio_api/component_server")],
)  # fmt: skip
def test_what_the_page_never_asks_does_not_exist(method, path, tmp_path):
    assert status(tmp_path, path, method) == 404


def test_headers_of_proxies_do_not_arrive(tmp_path):
    sent = ask(tmp_path, x_forwarded_host="evil.example", forwarded="host=evil", x_real_ip="1", accept="*/*")
    assert dict(sent[0]["headers"])[b"a"] == b"host,accept"


def test_an_upload_ends_where_the_folder_would_be_full(tmp_path):
    (tmp_path / "before").write_bytes(bytes(2 * MEGABYTE))
    check, part = RequestCheck(fine, tmp_path, quota=4 * MEGABYTE), bytes(MEGABYTE)
    assert status(tmp_path, "/gradio_api/upload", "POST", [part] * 2, check=check) == 200
    assert status(tmp_path, "/gradio_api/upload", "POST", [part] * 3, check=check) == 413


def test_what_is_no_upload_is_short(tmp_path):
    assert status(tmp_path, "/gradio_api/queue/join", "POST", [bytes(3 * MEGABYTE)]) == 413


@pytest.mark.parametrize("parts", [1, 30])
def test_what_never_arrives_is_not_waited_for(parts, tmp_path):
    check = RequestCheck(fine, tmp_path, seconds=0.2)
    wait = 0.05 if parts == 1 else 0.01
    assert status(tmp_path, "/gradio_api/upload", "POST", [b"a"] * parts, wait, check=check) == 408


def test_a_page_may_load_nothing_from_elsewhere_and_nobody_may_load_it(tmp_path):
    headers = dict(ask(tmp_path)[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert "*" not in policy
    assert b"access-control-allow-origin" not in headers


def test_what_is_no_request_passes(tmp_path):
    assert status(tmp_path, kind="lifespan") == 200


@pytest.mark.parametrize(("given", "expected"), [("a:1", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")])
def test_a_port_is_no_part_of_a_name(given, expected):
    assert host_name(given) == expected


TOKEN = "a-token"


def closed(folder):
    return RequestCheck(fine, folder, token=TOKEN)


def test_who_brings_the_token_gets_it_as_a_cookie_that_opens_the_page(tmp_path):
    [start, _] = ask(tmp_path, check=closed(tmp_path), query=f"token={TOKEN}")
    cookie = dict(start["headers"])[b"set-cookie"].decode()
    assert start["status"] == 303
    assert cookie == f"seglet-app-7860={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    opened = f"other=1; {cookie.partition(';')[0]}"
    assert status(tmp_path, check=closed(tmp_path), cookie=opened) == 200
    assert status(tmp_path, "/gradio_api/upload", "POST", check=closed(tmp_path), cookie=opened) == 200


@pytest.mark.parametrize("cookie", [None, "", "seglet-app-7860=\xe9", f"seglet-app-7861={TOKEN}"])
@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/queue/data"])
def test_without_the_token_nothing_is_served(cookie, path, tmp_path):
    assert status(tmp_path, path, check=closed(tmp_path), cookie=cookie) == 401
    assert status(tmp_path, path, check=closed(tmp_path), cookie=cookie, query="token=wrong") == 401


def test_the_server_finds_itself_without_a_token(tmp_path):
    assert status(tmp_path, "/gradio_api/startup-events", check=closed(tmp_path)) == 200
