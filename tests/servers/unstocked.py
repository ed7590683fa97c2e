"""Answers of an AirView that has nothing yet, and of a Herald that has nothing to say."""

import json

from raw_server import answered

ABSENT = json.dumps({"code": 404, "status": "Not Found"}).encode()
# Routes of single rows, which answer 404 for none; others answer with an empty list.
_FOUND_BY_KEY = (
    *(b"/referenced-application-environments/", b"/resources/", b"/resource-types/"),
    *(b"/resource-types-controls/", b"/frameworks/"),
)


def answer(request):
    """Answer a request of either client."""
    path = request.target.partition(b"?")[0]
    if path.startswith((b"/herald/", b"/aggregations/control-overview-totals/")):
        return answered(b"{}")
    if request.method == b"PUT":
        return answered(b"", 204)
    if request.method == b"POST":
        return _recorded(request, path)
    if path == b"/systems/":
        return answered(b'{"id": 1, "name": "ccf", "stage": "MONITOR"}')
    by_id = path.rpartition(b"/")[2].isdigit() and not path.startswith(b"/aggregations/")
    if by_id or path.startswith(_FOUND_BY_KEY):
        return answered(ABSENT, 404)
    return answered(b"[]")


def _recorded(request, path):
    """Answer with the row that was made."""
    if path == b"/exclusions/":
        return answered(b"null", 201)
    row = {"id": 1, **json.loads(request.body)}
    if path == b"/application-environments/":
        row["application"] = {"id": 1, "name": "app", "applicationType": "BUSINESS_APPLICATION"}
        row["environment"] = {"id": 1, "name": "env", "abbreviation": "ENV"}
    return answered(json.dumps(row).encode())
