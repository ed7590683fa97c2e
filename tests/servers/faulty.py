"""A transport that loses requests, or their answers, on purpose."""

import httpx


class Faulty(httpx.AsyncBaseTransport):
    """Pass requests on to real connections, but for the faults that were ordered.

    Args:
        inner: The real connections.
    """

    def __init__(self, inner):
        self._inner = inner
        self._orders = []

    def order(self, method, path, *, processed, times=1, status=None):
        """Order a fault for the next requests of a route.

        Args:
            method: The HTTP method.
            path: The end of the path.
            processed: Whether the server gets the request all the same.
            times: For how many requests.
            status: What a gateway answers; without one the connection drops.
        """
        self._orders.append([method, path, processed, times, status])

    async def handle_async_request(self, request):
        order = next((o for o in self._orders if self._fits(o, request)), None)
        if order is None:
            return await self._inner.handle_async_request(request)
        order[3] -= 1
        if order[2]:
            response = await self._inner.handle_async_request(request)
            await response.aread()
            await response.aclose()
        if order[4] is None:
            raise httpx.ReadError("the connection dropped")
        return httpx.Response(order[4], html="<h1>gateway</h1>")

    @staticmethod
    def _fits(order, request):
        return order[3] and order[0] == request.method and request.url.path.endswith(order[1])

    async def aclose(self):
        await self._inner.aclose()
