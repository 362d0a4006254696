"""Whom the REST server answers."""

import pytest


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic 0123456789abcdef", "Bearer \xe9"])
def test_without_the_token_nothing_of_the_network_is_told(given, client):
    headers = {"Authorization": given.encode("latin-1")}
    for path in ("/classes", "/metrics", "/predict"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/health", headers=headers).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Host": "192.0.2.7"}, 421), ({"Host": "localhost:1"}, 200),
     ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
     ({"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}, 200)],
)  # fmt: skip
def test_other_names_and_pages_of_others_are_refused(headers, status, client):
    assert client.get("/classes", headers=headers).status_code == status


def test_no_answer_lets_other_origins_in(client):
    headers = client.get("/health").headers
    assert "access-control-allow-origin" not in headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
