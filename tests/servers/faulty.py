"""A transport that loses requests, or their answers, on purpose."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import anyio
import httpx


@dataclass
class Order:
    """A fault for the next requests of a route.

    Attributes:
        method: The HTTP method.
        path: The end of the path.
        processed: Whether the server gets the request all the same.
        times: For how many requests.
        status: What a gateway answers; without one the connection drops.
        stalls: Whether nothing is heard of it any more.
        before: Awaited before anything else.
    """

    method: str
    path: str
    _: KW_ONLY
    processed: bool
    times: int = 1
    status: int | None = None
    stalls: bool = False
    before: Any = None

    def fits(self, request):
        """Whether a request is to meet it."""
        path = request.url.path
        return self.times and self.method == request.method and path.endswith(self.path)


class Faulty(httpx.AsyncBaseTransport):
    """Pass requests on to real connections, but for the faults that were ordered.

    Args:
        inner: The real connections.
    """

    def __init__(self, inner):
        self._inner = inner
        self._orders = []

    def order(self, *route, **fault):
        """Order a fault; see `Order`."""
        self._orders.append(Order(*route, **fault))

    async def handle_async_request(self, request):
        order = next((each for each in self._orders if each.fits(request)), None)
        if order is None:
            return await self._inner.handle_async_request(request)
        order.times -= 1
        if order.before is not None:
            await order.before()
        if order.processed:
            response = await self._inner.handle_async_request(request)
            await response.aread()
            await response.aclose()
        if order.stalls:
            await anyio.sleep_forever()
        if order.status is None:
            raise httpx.ReadError("the connection dropped")
        return httpx.Response(order.status, html="<h1>gateway</h1>")

    async def aclose(self):
        await self._inner.aclose()
