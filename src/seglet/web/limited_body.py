"""The body of a request, with a limit of its size and of the time that it may take to arrive."""

import asyncio
import time
from dataclasses import dataclass

from seglet.web.callers import Application, Message, Receive, Send
from seglet.web.responses import Refuse, refuse_request


@dataclass
class Allowance:
    """Bytes that may arrive, those that have, and what to do where they are too many."""

    most: int
    taken: int = 0
    cure: str = "send less"


class LimitedBody:
    """The body of a request, which ends with an error if it is too long or too slow.

    Args:
        receive: what gives the parts of the body.
        allowance: bytes that may arrive; several requests may share it.
        seconds: time that the body may take; each part of it may take a tenth.
        refuse: how a request is answered whose body was refused.
    """

    def __init__(self, receive: Receive, allowance: Allowance, seconds: float, refuse: Refuse = refuse_request) -> None:
        self.receive, self.allowance, self.pause, self.refuse = receive, allowance, seconds / 10, refuse
        self.end = time.monotonic() + seconds
        self.size = 0
        self.whole = False
        self.refused: tuple[int, str] | None = None

    async def next(self) -> Message:
        """Returns the next part, or the end of the connection where the body is refused."""
        if self.whole:  # what comes next is the end of the connection, which may take as long as the answer
            return await self.receive()
        wait = min(self.pause, self.end - time.monotonic())
        try:
            message = await asyncio.wait_for(self.receive(), max(wait, 0.001))
        except TimeoutError:
            return self._stop(408, "the upload took too long; send fewer or smaller images")
        self.size += len(message.get("body", b""))
        self.allowance.taken += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.allowance.taken > self.allowance.most:
            return self._stop(413, f"too much was uploaded; {self.allowance.cure}")
        return message

    def _stop(self, status: int, reason: str) -> Message:
        self.refused, self.whole = (status, reason), True
        return {"type": "http.disconnect"}

    async def run(self, app: Application, scope: Message, send: Send) -> None:
        """Runs the application; where the body was refused, its own answer gives way to the refusal."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if self.refused is None or begun:
                begun = True
                await send(message)

        try:
            await app(scope, self.next, sending)
        except Exception:
            if self.refused is None:
                raise
        finally:
            self.allowance.taken -= self.size
        if self.refused is not None and not begun:
            await self.refuse(send, *self.refused)
