"""The sandbox at the wire: slashes, methods, query strings, bodies and error shapes."""

import json
import logging
import socket

import httpx
import pytest

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
NOT_ALLOWED = b'{"code":405,"status":"Method Not Allowed"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
INVALID_JSON = b'{"code":400,"errors":{"json":["Invalid JSON body."]},"status":"Bad Request"}\n'


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


def raw(sandbox, request):
    """Send bytes over a socket and return all that comes back."""
    host, _, port = sandbox.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_answers_are_sorted_ascii_json_with_one_newline(client):
    """Keys are sorted, what is not ASCII is escaped, and the type is plain JSON."""
    answer = client.post("/environments/", json={"name": "Prüfung", "abbreviation": "☃"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b'{"abbreviation":"\\u2603","id":1,"name":"Pr\\u00fcfung"}\n'


def test_an_empty_list_is_three_bytes(client):
    """A list route without rows answers `[]` and a newline."""
    assert client.get("/environments/").content == b"[]\n"


def test_no_content_has_a_type_and_no_length(sandbox, client):
    """204 says Content-Type and neither Content-Length nor Transfer-Encoding."""
    client.post("/applications/", json={"name": "a", "applicationType": "TECHNICAL_SERVICE"})
    client.post("/environments/", json={"name": "e", "abbreviation": "e"})
    client.post(
        "/application-environments/",
        json={"applicationId": 1, "environmentId": 1, "references": []},
    )
    client.post("/resource-types/", json={"name": "t", "reference": "t"})
    body = json.dumps(
        {"name": "r", "reference": "r", "applicationEnvironmentId": 1, "resourceTypeId": 1}
    ).encode()
    answer = raw(
        sandbox,
        b"PUT /airview/resources/?applicationEnvironmentId=1&reference=r HTTP/1.1\r\nHost: x\r\n"
        b"Connection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body),
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204")
    assert b"content-type: application/json" in head.lower()
    assert b"content-length" not in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert rest == b""


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("/systems?name=a%20b", "/systems/?name=a%20b"),
        ("/technical-controls//5", "/technical-controls/5"),
        ("/systems//", "/systems/"),
        ("/resource-types", "/resource-types/"),
        ("/applications/1/quality-models", "/applications/1/quality-models/"),
        ("/frameworks/1/sections?name=", "/frameworks/1/sections/?name="),
    ],
)
def test_nearly_right_paths_are_redirected(client, sent, meant):
    """308 names the exact path, on the caller's host, with the query as sent."""
    answer = client.get(sent, headers={"host": "inside:99"})
    assert answer.status_code == 308
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["location"] == f"http://inside:99/airview{meant}"
    assert answer.text.startswith("<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>")
    assert f'<a href="http://inside:99/airview{meant}">' in answer.text


def test_only_a_method_of_the_exact_path_is_redirected(client):
    """Without its slash a path does not exist for methods it does not serve."""
    assert client.get("/monitored-resources").status_code == 404
    assert client.put("/monitored-resources").status_code == 308


def test_a_redirected_body_still_lands(client):
    """308 keeps method and body."""
    body = {"name": "e", "abbreviation": "e"}
    answer = client.post("/environments", json=body, follow_redirects=True)
    assert answer.json() == {**body, "id": 1}


def test_slashes_at_the_very_start_are_served(sandbox):
    """Doubled slashes after the prefix are one."""
    assert httpx.get(f"{sandbox.airview_url}//environments/").content == b"[]\n"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/applications/1/",
        "/applications/-1",
        "/applications/one",
        "/technical-controls/1/",
        "/application-environments/7/",
        "/systems/1",
        "/frameworks/one/",
        "/aggregations/compliance/1/",
        "/systems/1/exclusion-resources/",
        "/exclusion-resources/1/",
    ],
)
def test_unknown_paths_are_plain_404(client, path):
    """A path that is not registered, retired ones included, is a 404 in AirView's shape."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (404, NOT_FOUND)


def test_404_beside_airview_has_another_shape(sandbox):
    """A wrong base URL answers 404 in a shape that is not AirView's."""
    answer = httpx.get(f"{sandbox.url}/systems/?name=a")
    assert (answer.status_code, answer.content) == (404, b"Not Found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/systems/"),
        ("PATCH", "/resources/"),
        ("GET", "/monitored-resources/"),
        ("HEAD", "/monitored-resources/"),
        ("GET", "/application-environments/"),
        ("POST", "/applications/1"),
        ("PUT", "/technical-controls/1"),
        ("GET", "/exclusions/"),
        ("PUT", "/frameworks/1/"),
    ],
)
def test_wrong_methods_are_plain_405(client, method, path):
    """A known path refuses other methods and does not say which it has."""
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.content == (b"" if method == "HEAD" else NOT_ALLOWED)
    assert "allow" not in answer.headers


def test_head_is_get_without_a_body(client):
    """HEAD answers with the status and headers of GET."""
    answer = client.head("/environments/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "3"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/resources/", "GET, HEAD, OPTIONS, POST, PUT"),
        ("/monitored-resources/", "OPTIONS, PUT"),
    ],
)
def test_options_lists_the_methods(client, path, allow):
    """OPTIONS answers 200 with Allow."""
    answer = client.options(path)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (200, b"", allow)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON; charset=utf-8", "application/problem+json"],
)
def test_json_content_types_are_read(client, content_type):
    """Any JSON media type under application/ is read, whatever its case and parameters."""
    answer = client.post(
        "/environments/",
        content=b'{"name": "e", "abbreviation": "lost", "abbreviation": "e"}',
        headers={"content-type": content_type},
    )
    assert answer.json() == {"abbreviation": "e", "id": 1, "name": "e"}


@pytest.mark.parametrize("content_type", ["text/json", "text/plain", "application/jsonl", ""])
def test_other_content_types_are_an_empty_object(client, content_type):
    """Without a JSON content type the body is read as `{}`."""
    answer = client.post(
        "/environments/", content=b"not even JSON", headers={"content-type": content_type}
    )
    missing = ["Missing data for required field."]
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"json": {"abbreviation": missing, "name": missing}}


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": "\xff"}', b"\xef\xbb\xbf{}"])
def test_bad_json_is_one_error(client, body):
    """What is not JSON in UTF-8 is 400 with the one text."""
    answer = client.post(
        "/environments/", content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.content) == (400, INVALID_JSON)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_other_json_than_an_object_is_a_schema_error(client, body):
    """Valid JSON that is no object is 422 under `_schema`."""
    answer = client.post(
        "/environments/", content=body, headers={"content-type": "application/json"}
    )
    assert answer.content == (
        b'{"code":422,"errors":{"json":{"_schema":["Invalid input type."]}},'
        b'"status":"Unprocessable Entity"}\n'
    )


@pytest.mark.parametrize(
    ("stored", "query"),
    [
        ("a b", "name=a+b"),
        ("a b", "name=a%20b"),
        ("a+b", "name=a%2Bb"),
        ("R&D", "name=R%26D"),
        ("a", "name=a&name=b"),
        ("a", "name=a&other=b"),
        ("%FF", "name=%FF"),
        ("é%C3(", "name=%C3%A9%C3("),
        ("a:/?=b", "name=a:/?=b"),
    ],
)
def test_query_strings_are_form_encoded(sandbox, client, stored, query):
    """Plus and %20 are spaces, the first value counts, undecodable escapes stay as text."""
    client.post("/systems/", json={"name": stored, "stage": "BUILD"})
    client.post("/systems/", json={"name": "b", "stage": "BUILD"})
    answer = raw(
        sandbox,
        f"GET /airview/systems/?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
    )
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == stored


def test_a_fault_of_the_sandbox_is_500_and_logged(client, caplog):
    """JSON nested deeper than Python reads is a plain 500, and the log says why."""
    with caplog.at_level(logging.ERROR, "airview_herald.sandbox"):
        answer = client.post(
            "/environments/",
            content=b"[" * 100_000,
            headers={"content-type": "application/json"},
        )
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert "RecursionError" in caplog.text


def test_a_body_that_never_arrives_is_not_a_request(sandbox):
    """A client that hangs up within its body is neither served nor recorded."""
    host, _, port = sandbox.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /airview/systems/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
        )
    assert httpx.get(f"{sandbox.airview_url}/services/").status_code == 200
    assert [request.method for request in sandbox.requests] == ["GET"]


def test_a_recorded_request_shows_no_credential(sandbox):
    """A failed assertion prints it, in whatever log that ends."""
    data = {"client_secret": "planted-secret"}
    httpx.post(sandbox.token_url, data=data, headers={"Authorization": "Bearer planted-token"})
    [request] = sandbox.requests
    assert request.headers["authorization"] == "Bearer planted-token"
    assert b"planted-secret" in request.body
    assert repr(request) == (
        "RecordedRequest(method='POST', path='/oauth2/token', query='', status=401, fault=None, "
        "served=None)"
    )
