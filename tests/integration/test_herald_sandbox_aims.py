"""AIMS, the Endpoints service, and who may do what on the sandbox."""

import time

import httpx
import pytest
from herald_login import authenticate, logged_in

from airview_herald.sandbox import Sandbox

LOGIN = "/aims/v1/authenticate"
INFO = "/aims/v1/token_info"
TYPES = "/herald/v2/notification_types"
RESIDENCY = "/endpoints/v1/12345678/residency"
ENDPOINT = f"{RESIDENCY}/default/services/herald/endpoint"
NOTE = {"id": "N1", "type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}
NEW = {name: NOTE[name] for name in NOTE if name != "id"}


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


@pytest.fixture
def stranger(sandbox):
    """A client without a token."""
    with httpx.Client(base_url=sandbox.herald_url) as client:
        yield client


def test_credentials_are_known(sandbox, stranger):
    """The documented key opens the documented account, and the answer says who and until when."""
    herald = sandbox.herald
    assert (herald.access_key_id, herald.secret_key) == ("SANDBOXKEYID", "sandbox-secret-key")
    before = int(time.time())
    answer = authenticate(stranger, herald.access_key_id, herald.secret_key)
    assert answer.status_code == 200
    authentication = answer.json()["authentication"]
    assert set(authentication) == {"user", "account", "token", "token_expiration"}
    assert authentication["account"] == {
        "id": "12345678",
        "name": "Example Ltd",
        "active": True,
        "version": 1,
        "accessible_locations": ["insight-us-virginia"],
        "default_location": "insight-us-virginia",
        "created": {"at": 1430183768, "by": "System"},
        "modified": {"at": 1430183768, "by": "System"},
    }
    assert authentication["user"]["id"] == herald.user_id
    assert authentication["user"]["account_id"] == herald.account_id == "12345678"
    assert "secret" not in answer.text
    expiration = authentication["token_expiration"]
    assert isinstance(expiration, int)
    assert before + 21_600 <= expiration <= time.time() + 21_600


def test_an_address_is_a_name_as_well(sandbox, stranger):
    """Users log in by their e-mail address, too, with any secret that UTF-8 holds."""
    sandbox.herald.add_user("key", "gehe:im ü", email="ü@example.com")
    answer = authenticate(stranger, "ü@example.com", "gehe:im ü")
    assert answer.json()["authentication"]["user"]["email"] == "ü@example.com"


def test_users_without_a_key_cannot_log_in(sandbox, stranger):
    """Seeded people have addresses and no secrets, so no secret is theirs."""
    sandbox.herald.seed(notifications=1)
    for secret in ("", "None"):
        answer = authenticate(stranger, "ada@example.com", secret)
        assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !",
        "Basic bm9jb2xvbg==",
        "Basic /////w==",
        "Basic AHg6eA==",
        "Bearer U0FOREJPWEtFWUlEOnNhbmRib3gtc2VjcmV0LWtleQ==",
        "Basic U0FOREJPWEtFWUlEOndyb25n",
    ],
)
def test_wrong_credentials_are_an_empty_401(stranger, header):
    """Whatever is wrong with them, nothing is said about it."""
    answer = stranger.post(LOGIN, headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.content) == (401, b"")
    assert "x-aims-session-token" not in answer.headers


def test_right_credentials_may_still_be_refused(sandbox, stranger):
    """An expired password and an inactive account are 400 with a code."""
    sandbox.herald.add_user("late", "s", password_expired=True)
    answer = authenticate(stranger, "late", "s")
    assert (answer.status_code, answer.json()) == (400, {"error": "password_expired"})
    sandbox.herald.set_active("12345678", active=False)
    answer = authenticate(stranger, sandbox.herald.access_key_id, sandbox.herald.secret_key)
    assert (answer.status_code, answer.json()) == (400, {"error": "account_inactive"})
    assert authenticate(stranger, "late", "wrong").content == b""


def test_a_second_step_with_the_session_token(sandbox, stranger):
    """With a code to give, the first step gets a session token and the second a token for it."""
    sandbox.herald.add_user("mfa", "s", mfa_code="123456")
    first = authenticate(stranger, "mfa", "s")
    assert (first.status_code, first.json()) == (401, {"error": "mfa_code_required"})
    session = {"x-aims-session-token": first.headers["x-aims-session-token"]}
    for body in ({"mfa_code": "000000"}, {}):
        wrong = authenticate(stranger, json=body, headers=session)
        assert (wrong.status_code, wrong.content) == (401, b"")
    second = authenticate(stranger, json={"mfa_code": "123456"}, headers=session)
    assert second.json()["authentication"]["user"]["mfa_enabled"] is True
    spent = authenticate(stranger, json={"mfa_code": "123456"}, headers=session)
    assert (spent.status_code, spent.json()) == (401, {"error": "invalid_session_token"})


def test_a_second_step_with_the_credentials(sandbox, stranger):
    """The code goes with the credentials as well; a wrong one is an empty 401."""
    sandbox.herald.add_user("mfa", "s", mfa_code="123456")
    assert authenticate(stranger, "mfa", "s", json={"mfa_code": "123456"}).status_code == 200
    wrong = authenticate(stranger, "mfa", "s", json={"mfa_code": "1"})
    assert (wrong.status_code, wrong.content) == (401, b"")
    assert authenticate(stranger, "mfa", "x", json={"mfa_code": "123456"}).status_code == 401


def test_who_has_not_enrolled_has_to(sandbox, stranger):
    """A user who must have a code and has none gets a session token and no further."""
    sandbox.herald.add_user("new", "s", mfa=True)
    answer = authenticate(stranger, "new", "s", json={"mfa_code": "1"})
    assert (answer.status_code, answer.json()) == (401, {"error": "mfa_enrollment_required"})
    assert answer.headers["x-aims-session-token"]


def test_session_tokens_expire(sandbox, stranger):
    """A session token that is unknown or expired has an error of its own."""
    sandbox.herald.add_user("mfa", "s", mfa_code="123456")
    first = authenticate(stranger, "mfa", "s")
    sandbox.expire_tokens()
    for token in (first.headers["x-aims-session-token"], "unknown"):
        answer = authenticate(
            *(stranger, "mfa", "s"),
            json={"mfa_code": "123456"},
            headers={"x-aims-session-token": token},
        )
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_session_token"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", {"error": "invalid_json"}),
        (b"[]", {"error": "wrong_type", "path": ""}),
        (b'{"mfa_code":1}', {"error": "wrong_type", "path": "mfa_code"}),
    ],
)
def test_the_body_of_a_login_is_checked(stranger, body, expected):
    """A body is optional; one that is there is an object."""
    answer = authenticate(stranger, "x", "x", content=body)
    assert (answer.status_code, answer.json()) == (400, expected)


def test_a_token_says_whose_it_is(sandbox, client):
    """What a token is for is not wrapped, and fits what the login said."""
    info = client.get(INFO).json()
    assert set(info) == {
        *("account", "user", "roles", "entity_id", "entity_type"),
        *("requester_id", "token_expiration"),
    }
    assert info["account"]["id"] == "12345678"
    assert info["user"]["id"] == info["entity_id"] == sandbox.herald.user_id
    assert info["roles"][0]["permissions"]["*:own:*:*"] == "allowed"


@pytest.mark.parametrize("path", [INFO, ENDPOINT, TYPES, "/herald/v2/1/subscriptions"])
@pytest.mark.parametrize("token", [None, "", "unknown"])
def test_no_token_is_an_empty_401(stranger, path, token):
    """Without a token that holds nothing is said, not even whose account it is."""
    headers = {} if token is None else {"x-aims-auth-token": token}
    answer = stranger.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")


def test_tokens_end(sandbox, client):
    """Tokens expire all together, or one is revoked, and a new login helps."""
    assert client.get(TYPES).status_code == 200
    with logged_in(sandbox) as other:
        sandbox.herald.revoke(client.headers["x-aims-auth-token"])
        assert (client.get(TYPES).status_code, other.get(TYPES).status_code) == (401, 200)
        sandbox.expire_tokens()
        assert other.get(TYPES).status_code == 401
    with logged_in(sandbox) as again:
        assert again.get(TYPES).status_code == 200


def test_the_lifetime_of_tokens_is_a_switch(sandbox):
    """A token of no lifetime never holds; earlier ones go on holding."""
    with logged_in(sandbox) as before:
        sandbox.herald.switches.token_lifetime = 0
        with logged_in(sandbox) as client:
            assert client.get(TYPES).status_code == 401
        assert before.get(TYPES).status_code == 200


def test_a_new_start_knows_no_old_tokens():
    """Tokens end with the run that issued them."""
    sandbox = Sandbox()
    with sandbox, logged_in(sandbox) as client:
        token = client.headers["x-aims-auth-token"]
    with sandbox:
        answer = httpx.get(sandbox.herald_url + INFO, headers={"x-aims-auth-token": token})
        assert answer.status_code == 401


@pytest.mark.parametrize("residency", ["default", "us", "emea"])
@pytest.mark.parametrize("kind", ["", "/api", "/ui", "/internal_api"])
def test_every_service_is_this_one(sandbox, client, residency, kind):
    """The Endpoints service names the sandbox's own URL, scheme included."""
    answer = client.get(f"{RESIDENCY}/{residency}/services/herald/endpoint{kind}")
    assert (answer.status_code, answer.json()) == (200, {"herald": sandbox.herald_url})
    several = client.post(f"{RESIDENCY}/{residency}/endpoints", json=["herald", "aims"])
    assert several.json() == dict.fromkeys(["herald", "aims"], sandbox.herald_url)
    assert sandbox.herald.endpoint_requests == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{RESIDENCY}/moon/services/herald/endpoint", 404),
        (f"{RESIDENCY}/us/services/herald/endpoint/shell", 404),
        (f"{RESIDENCY}/us/services/her%2Fald/endpoint", 404),
        ("/endpoints/v1/99/residency/us/services/herald/endpoint", 403),
    ],
)
def test_endpoints_that_are_not(client, path, status):
    """A residency, kind or service that is not there is 404, another account 403."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("x", "wrong_type"),
        ([1], "wrong_type"),
        (["herald", "no such"], "unknown_service"),
        ({"herald": 1}, "wrong_type"),
    ],
)
def test_one_bad_service_fails_all(client, body, error):
    """Services in bulk are a list of names, all good or none."""
    answer = client.post(f"{RESIDENCY}/us/endpoints", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_logins_are_counted(sandbox, client):
    """Requests to AIMS for a token are counted, failed ones too."""
    assert sandbox.herald.login_requests == 1
    authenticate(client, "x", "x")
    client.get(INFO)
    assert sandbox.herald.login_requests == 2


def test_a_managed_account_may_be_used(sandbox, client):
    """Tokens are good for accounts that theirs manages, not for others, and not upwards."""
    sandbox.herald.add_account("87654321")
    sandbox.herald.add_account("99999999", managed=False)
    sandbox.herald.add_user("child", "s", account_id="87654321")
    for account, status in (("12345678", 200), ("87654321", 200), ("99999999", 403), ("1", 403)):
        answer = client.get(f"/herald/v2/{account}/subscriptions")
        assert answer.status_code == status
        assert status == 200 or answer.content == b""
    with logged_in(sandbox, "child", "s") as child:
        assert child.get(INFO).json()["account"]["id"] == "87654321"
        assert "managed_by" not in child.get(INFO).json()["account"]
        assert child.get("/herald/v2/87654321/subscriptions").status_code == 200
        assert child.get("/herald/v2/12345678/subscriptions").status_code == 403


def test_another_accounts_notification(sandbox, client):
    """Its id is 404 below another account, and 403 where no account is named."""
    sandbox.herald.add_account("87654321")
    sandbox.herald.add_account("99999999", managed=False)
    sandbox.herald.add_notifications([NOTE | {"id": "managed"}], account_id="87654321")
    sandbox.herald.add_notifications([NOTE | {"id": "foreign"}], account_id="99999999")
    asked = [
        ("/herald/v2/12345678/notifications/managed", 404),
        ("/herald/v2/87654321/notifications/managed", 200),
        ("/herald/v2/notifications/managed", 200),
        ("/herald/v2/12345678/notifications/foreign", 404),
        ("/herald/v2/notifications/foreign", 403),
    ]
    assert [(path, client.get(path).status_code) for path, _ in asked] == asked


def test_an_inactive_account_sends_nothing(sandbox, client):
    """Its tokens hold, what it has is read, and sending is 400."""
    sandbox.herald.add_account("87654321", active=False)
    answer = client.post("/herald/v2/87654321/notifications", json=NEW)
    assert (answer.status_code, answer.json()) == (400, {"error": "account_not_active"})
    assert client.get("/herald/v2/87654321/subscriptions").status_code == 200
    sandbox.herald.set_active("87654321", active=True)
    assert client.post("/herald/v2/87654321/notifications", json=NEW).status_code == 202


def test_misplaced_credentials_are_seen_and_can_be_refused(sandbox, client):
    """`Authorization` on any route but the login is recorded, and 400 when that is switched on."""
    for path in (TYPES, ENDPOINT, INFO):
        assert client.get(path, auth=("key", "secret")).status_code == 200
        assert sandbox.requests[-1].headers["authorization"].startswith("Basic ")
    assert "authorization" not in client.get(TYPES).request.headers
    sandbox.herald.switches.refuse_authorization = True
    answer = client.get(TYPES, auth=("key", "secret"))
    assert (answer.status_code, answer.json()) == (400, {"error": "credentials_misplaced"})
    assert client.get(TYPES).status_code == 200
    with logged_in(sandbox):
        pass
