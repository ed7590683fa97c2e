"""The sandbox's token endpoint, and its gateway."""

import httpx
import pytest

from airview_herald.sandbox import Sandbox

FORM = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "scope": "airview/agent_push",
}


def bearer(sandbox, **fields):
    """Fetch a token and return the headers that carry it."""
    answer = httpx.post(sandbox.token_url, data={**FORM, **fields})
    assert answer.status_code == 200
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def sandbox():
    """A sandbox that asks for tokens."""
    with Sandbox(require_token=True) as sandbox:
        yield sandbox


def test_a_token_is_issued_for_the_form(sandbox):
    """Client credentials in the form buy a bearer token with its lifetime in seconds."""
    answer = httpx.post(sandbox.token_url, data=FORM)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert len(body.pop("access_token")) == 32
    assert body == {"token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize("secret", ["p+% :ü", "p%2B%25+%3A%C3%BC"])
def test_a_token_is_issued_for_basic_credentials(secret):
    """Basic credentials count as sent and form-encoded."""
    with Sandbox(client_secret="p+% :ü", token_lifetime=0.5) as sandbox:
        answer = httpx.post(
            sandbox.token_url,
            data={"grant_type": "client_credentials"},
            auth=("sandbox-client", secret),
        )
        assert answer.status_code == 200
        assert answer.json()["expires_in"] == 0.5


@pytest.mark.parametrize(
    ("form", "authorization"),
    [
        ({**FORM, "client_secret": "wrong"}, None),
        ({**FORM, "client_id": "wrong"}, None),
        ({"grant_type": "client_credentials"}, None),
        ({"grant_type": "client_credentials"}, "Basic c2FuZGJveC1jbGllbnQ6d3Jvbmc="),
        ({"grant_type": "client_credentials"}, "Basic %%%"),
        ({"grant_type": "client_credentials"}, "Basic /w=="),
        ({"grant_type": "password", "client_id": "x"}, None),
    ],
)
def test_wrong_credentials_are_refused(sandbox, form, authorization):
    """Anyone else is an invalid client, whatever the grant."""
    headers = {} if authorization is None else {"authorization": authorization}
    answer = httpx.post(sandbox.token_url, data=form, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize("grant", ["password", ""])
def test_other_grants_are_refused(sandbox, grant):
    """The endpoint knows client credentials only."""
    answer = httpx.post(sandbox.token_url, data={**FORM, "grant_type": grant})
    assert (answer.status_code, answer.json()) == (400, {"error": "unsupported_grant_type"})


def test_the_token_endpoint_takes_post_only(sandbox):
    """GET is not allowed there."""
    assert httpx.get(sandbox.token_url).status_code == 405


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic wrong", "Bearer Bearer {}", "{}"]
)
def test_the_gateway_refuses_in_another_shape(sandbox, authorization):
    """Without a good token every AirView path is a 401 in HTML, unknown ones included."""
    token = bearer(sandbox)["authorization"].removeprefix("Bearer ")
    headers = {} if authorization is None else {"authorization": authorization.format(token)}
    for path in ("/environments/", "/nothing"):
        answer = httpx.get(sandbox.airview_url + path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_gateway_admits_good_tokens_until_they_are_expired(sandbox):
    """Tokens hold together, and stop holding together."""
    old, new = bearer(sandbox), bearer(sandbox)
    url = f"{sandbox.airview_url}/environments/"
    assert [httpx.get(url, headers=each).status_code for each in (old, new)] == [200, 200]
    sandbox.expire_tokens()
    assert [httpx.get(url, headers=each).status_code for each in (old, new)] == [401, 401]
    assert httpx.get(url, headers=bearer(sandbox)).status_code == 200
    assert sandbox.token_requests == 3


def test_a_token_lapses():
    """A token with no lifetime is never accepted."""
    with Sandbox(require_token=True, token_lifetime=0) as sandbox:
        answer = httpx.get(f"{sandbox.airview_url}/environments/", headers=bearer(sandbox))
        assert answer.status_code == 401


def test_any_token_will_do_when_none_is_required():
    """By default AirView looks at no Authorization header."""
    with Sandbox() as sandbox:
        headers = {"authorization": "Bearer Bearer x"}
        answer = httpx.get(f"{sandbox.airview_url}/environments/", headers=headers)
        assert answer.status_code == 200
