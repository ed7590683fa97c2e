"""Ten thousand notifications, page after page, by one process or by two."""

import sys
from datetime import UTC, datetime
from itertools import pairwise

import anyio
import pytest

from airview_herald.errors import InputError

COUNT = 10_000
LIMIT = 100
FIRST = 1_767_000_000
TYPE = "incidents/alerts"
GO_ON = """
import sys
import anyio
from airview_herald import Herald

async def main(url, key, secret, sort, token):
    async with Herald(access_key_id=key, secret_key=secret, global_endpoint=url) as herald:
        listing = herald.get_account_notification_by_type(
            "incidents/alerts", sort=sort, limit=100, resume=token
        )
        async for notification in listing:
            print(notification.id)

backend, *arguments = sys.argv[1:]
anyio.run(main, *arguments, backend=backend)
"""


def notification(at, kind=TYPE):
    """Make a notification as it goes over the wire."""
    return {
        "type": kind,
        "notification_data": {},
        "asset_data": {},
        "payload": {},
        "created": {"at": at, "by": "test"},
    }


@pytest.fixture(params=["absent", "empty page"])
def ending(sandbox, request):
    """Both ways in which a listing ends."""
    sandbox.herald.switches.ending = request.param
    return request.param


@pytest.fixture
def seeded(sandbox):
    """The ids of all, the newest first; seven share each second, and ids decide among them."""
    moments = [FIRST + number // 7 for number in range(COUNT)]
    ids = sandbox.herald.add_notifications(notification(at) for at in moments)
    sandbox.herald.add_notifications(notification(at, "health/alerts") for at in moments[:500])
    return [each for _, each in sorted(zip(moments, ids, strict=True), reverse=True)]


@pytest.mark.parametrize("sort", ["desc", "asc"])
async def test_each_comes_once_and_in_order(sandbox, call_herald, seeded, ending, sort):
    """Ten thousand in a hundred pages, each fetched once, and one more if it is needed."""
    async with call_herald() as herald:
        listing = herald.get_account_notification_by_type(TYPE, sort=sort, limit=LIMIT)
        found = [each.id async for each in listing]
    assert found == (seeded if sort == "desc" else seeded[::-1])
    pages = [r for r in sandbox.requests if r.path.endswith(TYPE)]
    assert len(pages) == COUNT // LIMIT + (ending == "empty page")
    assert len({page.target for page in pages}) == len(pages)


@pytest.mark.parametrize("sort", ["desc", "asc"])
async def test_an_interrupted_listing_is_resumed_by_another_process(
    sandbox, call_herald, seeded, ending, sort, anyio_backend_name
):
    """After 3,333, and fifty that came meanwhile, nothing is missing and nothing comes twice."""
    found = []
    async with call_herald() as herald:
        listing = herald.get_account_notification_by_type(TYPE, sort=sort, limit=LIMIT)
        async for each in listing:
            found.append(each.id)
            if len(found) == 3_333:
                break
        assert len(sandbox.requests) == 1 + 34
        for _ in range(50):
            await herald.send_notification(
                type=TYPE, notification_data={}, asset_data={}, payload={}
            )
        newest = await herald.get_account_notification_by_type(TYPE, limit=50)
    done = await anyio.run_process(
        [
            sys.executable,
            "-c",
            GO_ON,
            anyio_backend_name,
            sandbox.herald_url,
            sandbox.herald.access_key_id,
            sandbox.herald.secret_key,
            sort,
            listing.resume_token,
        ]
    )
    found += done.stdout.decode().split()
    new = [each.id for each in newest.items]
    assert found == (seeded if sort == "desc" else seeded[::-1] + new[::-1])


async def test_a_loop_that_is_left_asks_for_no_more(sandbox, call_herald):
    """Pages are fetched as they are needed."""
    sandbox.herald.add_notifications(notification(FIRST + n) for n in range(100))
    async with call_herald() as herald:
        listing = herald.get_account_notification_by_type(TYPE, limit=10)
        assert len(sandbox.requests) == 0
        async for _ in listing:
            break
    assert [r.path for r in sandbox.requests] == [
        "/aims/v1/authenticate",
        f"/herald/v2/12345678/notifications/{TYPE}",
    ]


@pytest.mark.parametrize(
    "other", [{"limit": 9}, {"sort": "asc"}, {"since": 1}, {"account_id": "87654321"}]
)
async def test_another_listing_is_not_resumed(sandbox, call_herald, other):
    """A resume token belongs to the arguments it came from, whatever names they went by."""
    sandbox.herald.add_notifications(notification(FIRST + n) for n in range(20))
    arguments = {"type": TYPE, "limit": 10, "until": FIRST + 10**6}
    async with call_herald() as herald:
        listing = herald.get_account_notification_by_type(**arguments)
        await listing
        token = listing.resume_token
        count = len(sandbox.requests)
        with pytest.raises(InputError, match=r"^resume: belongs to another query"):
            herald.get_account_notification_by_type(**(arguments | other), resume=token)
        assert len(sandbox.requests) == count
        same = arguments | {"until": datetime.fromtimestamp(FIRST + 10**6, UTC)}
        rest = herald.get_account_notification_by_type(**same, resume=token)
        assert len([each async for each in rest]) == 10


async def test_a_token_that_lapses_between_pages_is_renewed(sandbox, call_herald):
    """A long reading outlives its tokens."""
    sandbox.herald.add_notifications(notification(FIRST + n) for n in range(100))
    moments = []
    async with call_herald() as herald:
        listing = herald.get_account_notification_by_type(TYPE, limit=25)
        async for each in listing:
            moments.append(each.created.at)
            if len(moments) % 25 == 0:
                sandbox.expire_tokens()
    assert len(moments) == 100
    assert all(before > after for before, after in pairwise(moments))
    assert sandbox.herald.login_requests == 4
