"""How the ends of a cluster's tasks reach the event loop that waits for them."""

import asyncio
import threading
from contextlib import aclosing

from airview_herald.distributed._cluster import Cluster


class Future:
    """A task of Dask's, which tells of its end in a thread of Dask's."""

    def __init__(self, key):
        self.key = key

    def add_done_callback(self, tell):
        """Keep whom to tell."""
        self.tell = tell

    def end(self):
        """End, and return the thread that tells of it."""
        thread = threading.Thread(target=self.tell, args=(self,), daemon=True)
        thread.start()
        return thread


def test_an_end_that_nobody_waits_for_holds_up_no_thread():
    """Dask tells all ends of a process in one thread, and an event loop may have stopped."""
    first, second = Future("first"), Future("second")
    cluster = object.__new__(Cluster)

    async def wait():
        async with aclosing(cluster.ended({0: first, 1: second})) as endings:
            asyncio.get_running_loop().call_soon(first.end)
            assert await anext(endings) == (0, first)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(wait())
        telling = second.end()
        telling.join(2)
        assert not telling.is_alive()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
