"""Responses of a server: a refusal in one line, and headers that are added to all."""

from collections.abc import Awaitable, Callable, Mapping

from seglet.web.callers import Message, Send

Refuse = Callable[[Send, int, str], Awaitable[None]]
"""A function that answers a request with a status and a reason."""


async def refuse_request(send: Send, status: int, reason: str) -> None:
    """Answers with a status and a line of text, and closes the connection."""
    await send_whole(send, status, f"{reason}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


async def send_whole(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Sends a response as a whole, and closes the connection."""
    said = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(said)})
    await send({"type": "http.response.body", "body": body})


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Returns a `send` that puts these headers into responses, in place of their own and of all that let others in."""
    own = _encoded(headers)
    names = {name for name, _ in own}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [
                pair
                for pair in message.get("headers", [])
                if pair[0].lower() not in names and not pair[0].lower().startswith(b"access-control-")
            ]
            message["headers"] = [*given, *own]
        await send(message)

    return sending


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
