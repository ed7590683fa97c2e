"""The two backends, each on the event loops that it runs on, for tests that hold for both."""

import pytest

from airview_herald.transport import AiohttpTransport, PooledTransport

BACKENDS = pytest.mark.parametrize(
    ("anyio_backend", "backend"),
    [
        pytest.param("asyncio", PooledTransport, id="asyncio-pooled"),
        pytest.param("trio", PooledTransport, id="trio-pooled"),
        pytest.param("asyncio", AiohttpTransport, id="asyncio-aiohttp"),
    ],
)
