"""Handlers for `StubServer` that answer as AirView does, as long as they can or want to."""

import time
from typing import NamedTuple

import bare_airview
from stub_server import Response

_UNAVAILABLE = b'{"code":503,"status":"Service Unavailable"}\n'


class Answered(NamedTuple):
    """A request that was answered."""

    at: float
    method: str
    path: str
    status: int


class Recording:
    """Answer everything as new, and keep a list of what was answered."""

    def __init__(self):
        self.answered = []

    async def __call__(self, request):
        response = await self.answer(request)
        path = request.target.partition("?")[0]
        self.answered.append(Answered(time.monotonic(), request.method, path, response.status))
        return response

    async def answer(self, request):
        return await bare_airview.answer(request)

    def between(self, began, ended):
        return [each for each in self.answered if began <= each.at < ended]


class Throttling(Recording):
    """Take so many requests a second, from a bucket; answer 429 to the others.

    Args:
        per_second: The allowance.
        burst: What the bucket holds.
        retry_after: What the 429 asks for.
    """

    def __init__(self, per_second, burst, retry_after=""):
        super().__init__()
        self._per_second = per_second
        self._burst = self._tokens = burst
        self._filled_at = time.monotonic()
        self._retry_after = retry_after

    async def answer(self, request):
        now = time.monotonic()
        earned = (now - self._filled_at) * self._per_second
        self._tokens, self._filled_at = min(self._burst, self._tokens + earned), now
        if self._tokens < 1:
            return Response(429, b"", retry_after=self._retry_after)
        self._tokens -= 1
        return await super().answer(request)


class Failing(Recording):
    """Fail while told to: `status` is what is answered then; or but for the system's routes."""

    def __init__(self):
        super().__init__()
        self.status = None
        self.retry_after = ""
        self.spares_system = False
        self.body = _UNAVAILABLE

    async def answer(self, request):
        if self.status is None or (self.spares_system and "/systems/" in request.target):
            return await super().answer(request)
        return Response(self.status, self.body, retry_after=self.retry_after)
