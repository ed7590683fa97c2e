"""AIMS, the Endpoints service and Herald as one handler for `httpx.MockTransport`."""

import base64
import json

import anyio
import httpx

PAIR = ("EXAMPLEKEYID", "example-secret%")
ACCOUNT = "12345678"


class FakeAlertLogic:
    """Answer as the three services do, and remember what came.

    Attributes:
        logins: The requests to authenticate.
        lookups: The requests to the Endpoints service.
        calls: The other requests.
        shown: The token of each request but those to authenticate, as it came.
        login_answers: Answers to the next requests to authenticate: responses, exceptions, or
            functions that are awaited before the usual answer.
        lookup_answers: Likewise for the Endpoints service.
        valid: The tokens that hold.
        lifetime: Seconds for which the next tokens hold by their `token_expiration`; `None`
            leaves it out.
        host: What the Endpoints service answers.
        token_info: What AIMS tells of a token.
        pages: Answers to the next of the other requests; an empty object after them.
    """

    def __init__(self, clock=lambda: 1000.0):
        self.clock = clock
        self.logins, self.lookups, self.calls, self.shown = [], [], [], []
        self.login_answers, self.lookup_answers, self.pages = [], [], []
        self.valid = set()
        self.lifetime = 3600
        self.host = "herald.example.alertlogic.com"
        self.token_info = {"account": {"id": ACCOUNT, "name": "Example Ltd"}}

    async def __call__(self, request):
        await anyio.lowlevel.checkpoint()
        if request.url.path == "/aims/v1/authenticate":
            self.logins.append(request)
            return await self._next(self.login_answers) or self._login(request)
        token = request.headers.get("x-aims-auth-token")
        self.shown.append(token)
        await anyio.lowlevel.checkpoint()
        if request.url.path == "/aims/v1/token_info":
            self.calls.append(request)
            return self._guarded(token, self.token_info)
        if request.url.path.startswith("/endpoints/"):
            self.lookups.append(request)
            return await self._next(self.lookup_answers) or self._guarded(
                token, {request.url.path.split("/")[-2]: self.host}
            )
        self.calls.append(request)
        return await self._next(self.pages) or self._guarded(token, {})

    async def _next(self, answers):
        answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return await answer() if callable(answer) else answer

    def _login(self, request):
        pair = f"{PAIR[0]}:{PAIR[1]}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return httpx.Response(401)
        return self.login()

    def login(self):
        """Answer with a new token."""
        token = f"token-{len(self.logins)}"
        self.valid.add(token)
        body = {"token": token, "account": {"id": ACCOUNT, "name": "Example Ltd"}, "user": {}}
        if self.lifetime is not None:
            body["token_expiration"] = self.clock() + self.lifetime
        return httpx.Response(200, json={"authentication": body})

    def _guarded(self, token, body):
        return httpx.Response(200, json=body) if token in self.valid else httpx.Response(401)


def second_step(code="mfa_code_required", session="session-1"):
    """Answer a login that needs more."""
    return httpx.Response(401, json={"error": code}, headers={"x-aims-session-token": session})


def sent(request):
    """Return the JSON body of a request."""
    return json.loads(request.content)
