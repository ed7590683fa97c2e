"""Every route of AirView at the wire: its exact path, its methods and its role."""

import httpx
import pytest

from airview_herald.sandbox import Sandbox

CONTENT, WRITING = "ContentReader", "ContentWriter"
COMPLIANCE, RECORDING = "ComplianceReader", "ComplianceWriter"
ROUTES = {
    "/systems/": {"GET": CONTENT, "POST": WRITING},
    "/environments/": {"GET": CONTENT, "POST": WRITING},
    "/services/": {"GET": CONTENT, "POST": WRITING},
    "/resource-types/": {"GET": COMPLIANCE, "POST": WRITING},
    "/controls/": {"GET": CONTENT, "POST": WRITING},
    "/resource-types-controls/": {"GET": COMPLIANCE, "POST": WRITING},
    "/technical-controls/": {"GET": CONTENT, "POST": WRITING},
    "/technical-controls/{}": {"GET": CONTENT},
    "/applications/": {"GET": CONTENT, "POST": WRITING},
    "/applications/{}": {"GET": CONTENT, "PUT": WRITING},
    "/application-environments/": {"POST": WRITING},
    "/application-environments/{}": {"GET": CONTENT, "PUT": WRITING},
    "/referenced-application-environments/": {"GET": CONTENT},
    "/resources/": {"GET": COMPLIANCE, "POST": WRITING, "PUT": COMPLIANCE},
    "/monitored-resources/": {"PUT": RECORDING},
    "/exclusions/": {"POST": WRITING},
    "/frameworks/": {"GET": CONTENT, "POST": WRITING},
    "/frameworks/{}/": {"GET": CONTENT},
    "/frameworks/{}/sections/": {"GET": CONTENT, "POST": WRITING},
    "/frameworks/{}/sections/{}/control-objectives/": {"GET": CONTENT, "POST": WRITING},
    "/frameworks/framework-control-objective-link/": {"GET": CONTENT, "POST": WRITING},
    "/aggregations/compliance/{}": {"GET": CONTENT},
    "/aggregations/control-overview-totals/{}/": {"GET": CONTENT},
    "/aggregations/control-overview-resources/{}/": {"GET": CONTENT},
    "/applications/{}/application-environments": {"GET": CONTENT},
    "/applications/{}/quality-models/": {"GET": COMPLIANCE},
    "/applications/{}/control-overviews/": {"GET": COMPLIANCE},
    "/compliance/": {"GET": None},
    "/systems/{}/exclusion-resources/": {"GET": None},
    "/exclusion-resources/{}/": {"PUT": None},
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
NOT_ALLOWED = b'{"code":405,"status":"Method Not Allowed"}\n'


@pytest.fixture(scope="module")
def client():
    """A client of a sandbox that serves the retired routes too."""
    with (
        Sandbox(exclusion_resources=True) as sandbox,
        httpx.Client(base_url=sandbox.airview_url) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ROUTES)
def test_each_path_serves_its_methods_only(client, path):
    """Any other method is a plain 405 without Allow; OPTIONS lists what there is."""
    served = set(ROUTES[path])
    for method in METHODS:
        answer = client.request(method, path.replace("{}", "7"))
        refused = (answer.status_code, answer.content) == (405, NOT_ALLOWED)
        assert refused == (method not in served), method
        assert "allow" not in answer.headers
    head = client.head(path.replace("{}", "7"))
    assert (head.status_code == 405) == ("GET" not in served)
    assert head.content == b""
    allowed = served | {"OPTIONS"} | ({"HEAD"} if "GET" in served else set())
    options = client.options(path.replace("{}", "7"))
    assert (options.status_code, options.headers["allow"]) == (200, ", ".join(sorted(allowed)))


@pytest.mark.parametrize("path", ROUTES)
def test_slashes_at_the_end_are_exact(client, path):
    """A slash too few is redirected with its query, a slash too many is no path."""
    method = next(iter(ROUTES[path]))
    exact = path.replace("{}", "7")
    if exact.endswith("/"):
        answer = client.request(method, f"{exact[:-1]}?name=a%20b")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"{client.base_url}{exact.lstrip('/')}?name=a%20b"
    else:
        answer = client.request(method, f"{exact}/")
        assert (answer.status_code, answer.content) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", [path for path in ROUTES if "{}" in path])
def test_ids_are_digits(client, path):
    """A negative id matches no path; text does on two routes, which the database refuses."""
    method = next(iter(ROUTES[path]))
    negative = client.request(method, path.replace("{}", "-1"))
    free = path in {"/technical-controls/{}", "/applications/{}/application-environments"}
    if free:
        assert negative.status_code in {200, 404}
        assert client.request(method, path.replace("{}", "one")).status_code == 500
    else:
        for answer in (negative, client.request(method, path.replace("{}", "one"))):
            assert (answer.status_code, answer.content) == (404, NOT_FOUND)


def test_the_document_names_each_route_and_its_role(client):
    """`/openapi.json` has the paths, the methods and the roles, for people and for gateways."""
    answer = client.get("/openapi.json")
    document = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert (document["openapi"], document["info"]) == (
        "3.0.2",
        {"title": "AirView API", "version": "v1"},
    )
    described = {
        path.replace("{id1}", "{}").replace("{id2}", "{}"): {
            method.upper(): operation.get("x-api-rbac-role")
            for method, operation in operations.items()
            if method != "parameters"
        }
        for path, operations in document["paths"].items()
    }
    assert described == ROUTES


def test_the_document_is_of_what_is_served():
    """Without the retired routes it does not name them."""
    with Sandbox() as sandbox:
        document = httpx.get(f"{sandbox.airview_url}/openapi.json").json()
    assert len(document["paths"]) == len(ROUTES) - 2
