"""AirView as an `httpx.MockTransport` handler, without a memory and with faults."""

import json

import anyio
import bare_airview
import httpx
from stub_server import Request

FAULTS = (
    *("none",) * 12,
    *("429", "429 1", "503", "503 1", "500", "502", "400", "401"),
    *("lost", "dropped", "timeout", "slow"),
)
_OWN = {"429", "503", "500", "400", "401"}


class Unruly:
    """AirView without a memory, which fails as it is told, request by request.

    Args:
        faults: What its requests meet, in turn; after two hundred of them nothing.

    Attributes:
        saved: The data of what was saved.
        before: Called with each request as it comes.
        after: Called when it is carried out; says whether its answer takes a while.
    """

    def __init__(self, faults=("none",)):
        self.before = self.after = lambda _: False
        self.saved = set()
        self.fail(faults)

    def fail(self, faults):
        """Have the next requests meet other faults."""
        self._faults = list(faults)
        self._sent = 0

    async def __call__(self, request):
        self.before(request)
        await anyio.lowlevel.checkpoint()
        fault = self._faults[self._sent % len(self._faults)] if self._sent < 200 else "none"
        self._sent += 1
        if fault == "400" and self._data(request) in self.saved:
            fault = "none"  # what it has carried out once it does not call wrong
        status, _, seconds = fault.partition(" ")
        if fault == "dropped":
            raise httpx.ReadError("dropped")
        if fault == "timeout":
            raise httpx.ConnectTimeout("no route")
        if status in _OWN:
            phrase = httpx.codes.get_reason_phrase(int(status))
            body = {"code": int(status), "status": phrase, "message": "no"}
            after = {"Retry-After": "0"} if seconds else {}
            return httpx.Response(int(status), json=body, headers=after)
        if fault == "502":
            return httpx.Response(502, html="<h1>gateway</h1>")
        if fault == "slow":
            await anyio.sleep(0.005)
        answer = await self._answer(request)
        if self.after(request):
            await anyio.sleep(0.02)
        if fault == "lost":
            raise httpx.ReadError("the answer was lost")
        return answer

    async def _answer(self, request):
        target = request.url.raw_path.decode()
        status, body, *_ = await bare_airview.answer(
            Request(request.method, target, {}, request.content)
        )
        if request.method == "PUT":
            self.saved.add(self._data(request))
        return httpx.Response(status, content=body)

    @staticmethod
    def _data(request):
        return json.loads(request.content).get("additionalData") if request.content else None
