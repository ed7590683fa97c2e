"""`airview-herald subscriptions`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from airview_herald.cli._ends import ExitCode, UsageError, absent, complain, told
from airview_herald.cli._file_names import FileName
from airview_herald.cli._herald_options import CONFIGURED, Account
from airview_herald.cli._json_files import read_object
from airview_herald.cli._output import Json, Output, as_row
from airview_herald.errors import StatusError
from airview_herald.herald._calls import not_done

_COLUMNS = ("id", "name", "class", "notification_type", "active", "subscriber_count")
_FIELDS = (
    "name", "notification_type", "external_id", "active", "options", "filters", "template",
    "suppression_interval",
)  # fmt: skip
_ABSENT = "there is no subscription of that id"
_File = Annotated[FileName, Parameter(allow_leading_hyphen=True)]


async def list_(  # noqa: PLR0913 - the options that there are
    *,
    account: Account = CONFIGURED,
    kind: Annotated[str | None, Parameter(name="--class")] = None,
    type: str | None = None,  # noqa: A002 - the documented name
    external_id: str | None = None,
    subscribers: Annotated[bool | None, Parameter(negative=())] = None,
    json: Json = None,
) -> int:
    """List subscriptions.

    Args:
        kind: Only those of a class, such as `event` or `schedule`.
        type: Only those to a type, such as `incidents/alerts`.
        external_id: Only those of a schedule.
        subscribers: Tell the subscribers of each, too.
    """
    async with account.client() as herald:
        found = await herald.get_account_subscriptions(
            class_=kind,
            notification_type=type,
            external_id=external_id,
            include_subscribers=subscribers,
        )
    columns = (*_COLUMNS, "subscribers") if subscribers else _COLUMNS
    Output(json).rows([as_row(each) for each in found], columns)
    return ExitCode.DONE


async def show_(
    subscription_id: str, /, *, account: Account = CONFIGURED, json: Json = None
) -> int:
    """Show a subscription and who is subscribed.

    Args:
        subscription_id: Its id.
    """
    async with account.client() as herald:
        with absent(subscription_id, _ABSENT):
            found = await herald.get_account_subscription(subscription_id, include_subscribers=True)
    Output(json).one(as_row(found))
    return ExitCode.DONE


async def create_(file: _File, /, *, account: Account = CONFIGURED, json: Json = None) -> int:
    """Create a subscription.

    It is sent once: when no answer comes it may have been created, and the error says so.

    Args:
        file: A file with a JSON object, `-` for stdin: `name`, `class` and `notification_type`,
            and if need be `subscribers`, `active`, `options`, `filters`, `template`,
            `external_id` and `suppression_interval`.
    """
    fields = ("class", "subscribers", *_FIELDS)
    given = read_object(file, fields, ("name", "class", "notification_type"))
    async with account.client() as herald:
        made = await herald.create_subscription(class_=given.pop("class"), **given)
    Output(json).one(as_row(made))
    return ExitCode.FAILED if made.subscribers_failed else ExitCode.DONE


async def update_(
    subscription_id: str, file: _File, /, *, account: Account = CONFIGURED, json: Json = None
) -> int:
    """Change a subscription: what the file has changes, and `null` is sent as null.

    Args:
        subscription_id: Its id.
        file: A file with a JSON object, `-` for stdin, of the fields to change.
    """
    given = read_object(file, _FIELDS)
    async with account.client() as herald:
        with absent(subscription_id, _ABSENT):
            changed = await herald.update_subscription(subscription_id, **given)
    Output(json).one(as_row(changed))
    return ExitCode.DONE


async def delete_(
    subscription_ids: Annotated[tuple[str, ...], Parameter(negative=())],
    /,
    *,
    account: Account = CONFIGURED,
    json: Json = None,
) -> int:
    """Delete subscriptions.

    Args:
        subscription_ids: Their ids.
    """
    left: list[str] = []
    async with account.client() as herald:
        try:
            if len(subscription_ids) == 1:
                with absent(subscription_ids[0], _ABSENT):
                    await herald.delete_subscription(subscription_ids[0])
            else:
                await herald.batch_delete_subscriptions(subscription_ids)
        except StatusError as error:
            left = not_done(error.unprocessed_items)
            if not left:
                raise
            complain(told(error))
    Output(json).rows([{"deleted": each} for each in subscription_ids if each not in left])
    return ExitCode.FAILED if left else ExitCode.DONE


async def subscribe_(
    subscription_id: str,
    /,
    *,
    account: Account = CONFIGURED,
    user: str | None = None,
    connection: str | None = None,
    json: Json = None,
) -> int:
    """Subscribe a user or a connection.

    Args:
        subscription_id: The subscription's id.
        user: The id of an AIMS user.
        connection: The id of a connection.
    """
    subscriber = _subscriber(user, connection)
    async with account.client() as herald:
        with absent(subscription_id, _ABSENT):
            found = await herald.add_subscriber(subscription_id, **subscriber)
    Output(json).one(as_row(found))
    return ExitCode.DONE


async def unsubscribe_(
    subscription_id: str,
    /,
    *,
    account: Account = CONFIGURED,
    user: str | None = None,
    connection: str | None = None,
    json: Json = None,
) -> int:
    """Unsubscribe a user or a connection.

    Args:
        subscription_id: The subscription's id.
        user: The id of an AIMS user.
        connection: The id of a connection.
    """
    subscriber = _subscriber(user, connection)
    async with account.client() as herald:
        with absent(
            subscription_id, "there is no subscription of that id, or it has no such subscriber"
        ):
            await herald.remove_subscriber(subscription_id, **subscriber)
    Output(json).one({"unsubscribed": subscriber["subscriber"]})
    return ExitCode.DONE


def _subscriber(user: str | None, connection: str | None) -> dict[str, Any]:
    if (user is None) == (connection is None):
        raise UsageError("--user, --connection", "give one of them")
    if user is None:
        return {"subscriber": connection, "subscriber_type": "connection"}
    return {"subscriber": user, "subscriber_type": "user"}
