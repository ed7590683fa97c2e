"""AirView without a memory, in a process of its own: everything is new, nothing is kept."""

import itertools
import json
import sys
import threading

from stub_server import Request, Response, StubServer

_ids = itertools.count(1)
_ABSENT = Response(404, b'{"code":404,"status":"Not Found"}\n')


async def answer(request: Request) -> Response:
    """Answer a look with absence, a create with the body and an id, a save with 204."""
    path = request.target.partition("?")[0]
    if request.method == "PUT":
        return Response(204)
    if request.method == "GET":
        lists = {"/applications/", "/environments/", "/controls/", "/technical-controls/"}
        return Response(200, b"[]\n") if path in lists else _ABSENT
    row = {**json.loads(request.body), "id": next(_ids)}
    if path == "/application-environments/":
        row["application"] = {
            "id": row["applicationId"],
            "name": "x",
            "applicationType": "BUSINESS_APPLICATION",
        }
        row["environment"] = {"id": row["environmentId"], "name": "x", "abbreviation": "X"}
    return Response(200, json.dumps(row).encode())


if __name__ == "__main__":
    with StubServer(answer) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        threading.Event().wait()
