"""AirView's frameworks, links and what they hang on, as an `httpx.MockTransport` handler."""

import json
import re

import anyio.lowlevel
import httpx

_NOT_FOUND = {"code": 404, "status": "Not Found"}
_REFUSED = {"code": 400, "message": "Unique Constraint Error, check reference field"}
# Tables whose rows are asked for by a key: the answer is one object, or 404.
_ONE = {"resource-types", "resource-types-controls"}
_UNIQUE = {"framework-control-objective-link"}


class Tables:
    """Keep rows by the last word of their path, and answer as AirView does.

    A look-up by name ignores the ids of its path; rows come with the highest id first.

    Attributes:
        rows: The rows of each table.
        requests: Every request as (method, target, body).
    """

    def __init__(self):
        self.rows = {}
        self.requests = []

    def sent(self, method):
        """Return the paths of the requests of one method."""
        return [target.partition("?")[0] for verb, target, _ in self.requests if verb == method]

    async def __call__(self, request):
        target = request.url.raw_path.decode()
        body = json.loads(request.content) if request.content else None
        self.requests.append((request.method, target, body))
        # Let others run between a look and a create, as happens on a network.
        await anyio.lowlevel.checkpoint()
        table = target.partition("?")[0].rstrip("/").rpartition("/")[2]
        rows = self.rows.setdefault(table, [])
        if request.method == "POST":
            return self._create(table, rows, body)
        found = [row for row in rows if self._fits(row, request.url)]
        if table not in _ONE:
            return httpx.Response(200, json=found[::-1])
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json=_NOT_FOUND)

    @staticmethod
    def _create(table, rows, body):
        if table in _UNIQUE:
            if body in rows:
                return httpx.Response(400, json=_REFUSED | {"status": "Bad Request"})
            rows.append(body)
        else:
            rows.append({"id": len(rows) + 1, **body})
        return httpx.Response(200, json=rows[-1])

    @staticmethod
    def _fits(row, url):
        return all(str(row[name]) == value for name, value in url.params.items())


def in_words(target):
    """Return a path with its ids left out."""
    return re.sub(r"\d+", "{id}", target)
