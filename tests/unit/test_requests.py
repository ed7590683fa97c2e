"""The requests that are built without parsing are the ones that httpx would build."""

import copy
import pickle

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.transport._call import Call, RetryClass
from airview_herald.transport._options import TIMEOUT, Options
from airview_herald.transport._request_head import head_of
from airview_herald.transport._requests import Requests, TargetURL

BASES = ("https://airview.example.com", "http://127.0.0.1:8080/api", "https://[::1]:8443/a%20b/v1")
# Without `raw`, which is deprecated.
PUBLIC = [
    name
    for name in dir(httpx.URL)
    if isinstance(getattr(httpx.URL, name), property) and name != "raw"
]


def options(base_url, headers=None):
    """Return how a client of that server sends."""
    return Options.of(
        base_url,
        bare=True,
        timeout=TIMEOUT,
        retry=None,
        headers=headers,
        allow_http=True,
        settle=30.0,
        on_reply=None,
    )


def call(method, target, body=None):
    """Return a call whose answer does not matter."""
    return Call(method, target, RetryClass.READ, 200, lambda _: None, body)


def expected(base_url, call, headers=None):
    """Return what httpx makes of the same, its own way."""
    headers = dict(Requests(options(base_url, headers)).base().headers)
    if call.body is not None:
        headers["content-type"] = "application/json"
    return httpx.Request(call.method, base_url + call.target, headers=headers, content=call.body)


@pytest.mark.parametrize("base_url", BASES)
@given(
    target=st.one_of(
        st.from_regex(r"(/[A-Za-z0-9_.~%2F-]{1,6}){1,3}/?(\?[A-Za-z0-9_.~=&-]*)?", fullmatch=True),
        st.sampled_from(["/a/../b", "/a/./b", "/.", "/..", "/.hidden", "/a b", "/ü?x=ä", "/a|b"]),
    )
)
def test_a_url_is_the_one_that_httpx_would_parse(base_url, target):
    """Whatever is asked of it, and whatever is to be encoded or resolved in its target."""
    url = Requests(options(base_url)).of(call("GET", target)).url
    parsed = httpx.URL(base_url + target)
    sent = (url.raw_scheme, url.raw_host, url.port, url.raw_path)
    assert sent == (parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.raw_path)
    assert str(url) == str(parsed)
    assert url == parsed
    assert hash(url) == hash(parsed)
    for name in PUBLIC:
        assert getattr(url, name) == getattr(parsed, name), name


def target_url():
    """Return a URL that has not been parsed."""
    url = Requests(options(BASES[0])).of(call("GET", "/resources/?reference=a%2Fb")).url
    assert type(url) is TargetURL
    return url


@pytest.mark.parametrize(
    "use",
    [
        lambda url: url.copy_with(query=None),
        lambda url: url.join("/systems/"),
        lambda url: url.copy_merge_params({"x": "1"}),
        httpx.URL,
        lambda url: httpx.Request("GET", url).url,
        lambda url: url.is_absolute_url,
    ],
)
def test_a_url_can_be_used_as_any_other(use):
    """What httpx makes of it is what it makes of a parsed one."""
    assert use(target_url()) == use(httpx.URL(str(target_url())))


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda url: pickle.loads(pickle.dumps(url))],  # noqa: S301
)
def test_a_url_can_be_copied(again):
    """Copied and pickled it is still the same."""
    url = target_url()
    assert again(url) == url
    assert again(url).params["reference"] == "a/b"


def test_a_url_has_no_other_attributes():
    """Taking over the state of a parsed one does not go round for ever."""
    with pytest.raises(AttributeError):
        _ = target_url().nothing


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b'{"a":1}'])
@pytest.mark.parametrize(
    "headers", [None, {"X-Tenant": "7", "accept": "text/plain"}, {"Content-Type": "text/x"}]
)
def test_a_request_is_the_one_that_httpx_would_build(method, body, headers):
    """It has the same headers and the same body, with the host first."""
    made = call(method, "/resources/?a=1", body)
    request = Requests(options(BASES[1], headers)).of(made)
    theirs = expected(BASES[1], made, headers)
    assert request.method == theirs.method
    assert sorted((name.lower(), value) for name, value in request.headers.raw) == sorted(
        (name.lower(), value) for name, value in theirs.headers.raw
    )
    assert request.headers.raw[0][0].lower() == b"host"
    assert request.content == theirs.content
    assert b"".join(request.stream) == theirs.content


def test_one_request_s_headers_are_not_another_s():
    """A credential that is added to one shows in no other."""
    requests = Requests(options(BASES[0]))
    requests.of(call("PUT", "/", b"1")).headers["Authorization"] = "Bearer x"
    assert "Authorization" not in requests.of(call("PUT", "/", b"1")).headers


def test_requests_are_not_pickled():
    """Their headers are ready to be sent, keys among them."""
    with pytest.raises(TypeError, match=r"^requests cannot be pickled: "):
        pickle.dumps(Requests(options(BASES[0], {"X-Key": "planted-key"})))


def test_a_head_shows_no_header():
    """Not among the variables of a traceback either."""
    headers = {"Authorization": "Bearer planted"}
    head = head_of(httpx.Request("GET", BASES[0], headers=headers))
    assert repr(head) == "Head(length=0, closes=False)"
