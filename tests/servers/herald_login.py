"""Clients of a sandbox's Herald that are logged in."""

import contextlib

import httpx


def authenticate(client, key=None, secret=None, **request):
    """Ask AIMS for a token, with these credentials or none."""
    auth = (key, secret) if key is not None else None
    return client.post("/aims/v1/authenticate", auth=auth, **request)


@contextlib.contextmanager
def logged_in(sandbox, key=None, secret=None):
    """Give a client whose requests carry a token, of the user that is always there or another."""
    with httpx.Client(base_url=sandbox.herald_url) as client:
        if key is None:
            key, secret = sandbox.herald.access_key_id, sandbox.herald.secret_key
        authentication = authenticate(client, key, secret).json()["authentication"]
        client.headers["x-aims-auth-token"] = authentication["token"]
        yield client
