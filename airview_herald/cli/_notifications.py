"""`airview-herald notifications`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import attrs
from cyclopts import Parameter

from airview_herald.cli._ends import ExitCode, UsageError, absent, complain
from airview_herald.cli._file_names import FileName
from airview_herald.cli._herald_options import CONFIGURED, Account
from airview_herald.cli._json_files import read_object
from airview_herald.cli._output import Json, Output, as_row

_COLUMNS = (
    "id", "type", "status", "created", "notification_data.class", "notification_data.threat_level",
)  # fmt: skip
_PARTS = ("type", "notification_data", "asset_data", "payload", "attachments")
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


async def list_(  # noqa: PLR0913 - the options that there are
    type: str,  # noqa: A002 - the documented name
    /,
    *,
    account: Account = CONFIGURED,
    since: str | None = None,
    until: str | None = None,
    sort: Literal["asc", "desc"] | None = None,
    page_size: int | None = None,
    most: Annotated[int | None, Parameter(name="--max")] = None,
    resume: str | None = None,
    json: Json = None,
) -> int:
    """List the notifications of a type, page after page.

    Args:
        type: Two parts with a slash between, such as `incidents/alerts`.
        since: The earliest creation: a date, a moment, epoch seconds, or how long ago, such as
            `36h` or `7d`.
        until: The latest creation, likewise; a date is its first moment, in UTC.
        sort: The newest first unless it is `asc`.
        page_size: Notifications in each answer at most.
        most: Notifications at most; the options to go on with are then told on stderr, all that
            were given and `--resume`, quoted as a shell wants it.
        resume: What an earlier listing told to go on with; the rest of the query has to be the
            same, so that how long ago becomes the moment that was told, too.
    """
    if most is not None and most < 1:
        raise UsageError("--max", "must be 1 or more")
    moments = {"--since": _moment("--since", since), "--until": _moment("--until", until)}
    ages = [option for option, text in (("--since", since), ("--until", until)) if _is_age(text)]
    if resume is not None and ages:
        raise UsageError(ages[0], "must be the moment that was told beside --resume")
    output = Output(json)
    rows: list[dict[str, Any]] = []
    count, token = 0, None
    async with account.client() as herald:
        listing = herald.get_account_notification_by_type(
            type,
            sort=sort,
            since=moments["--since"],
            until=moments["--until"],
            limit=page_size,
            resume=resume,
        )
        async for notification in listing:
            count += 1
            row = as_row(notification)
            if output.json:
                output.line(row)
            else:
                rows.append(
                    row | {"created": notification.created and notification.created.at_datetime}
                )
            if count == most:
                token = listing.resume_token
                break
    if not output.json:
        output.rows(rows, _COLUMNS)
    if token is not None:
        given = {
            **attrs.asdict(account, filter=lambda option, value: value != option.default),
            "since": since,
            "until": until,
            "sort": sort,
            "page_size": page_size,
            "max": most,
            "json": json,
            "resume": token,
        }
        for option in ages:
            given[option.removeprefix("--")] = f"{moments[option]:%Y-%m-%dT%H:%M:%S.%f%z}"
        sys.stdout.flush()
        complain(_typed(given), "go on with")
    return ExitCode.DONE


async def show_(
    notification_id: str, /, *, account: Account = CONFIGURED, json: Json = None
) -> int:
    """Show a notification.

    Args:
        notification_id: Its id.
    """
    rule = "there is no notification of that id"
    async with account.client() as herald:
        with absent(notification_id, rule):
            found = await herald.get_account_notification(notification_id)
    Output(json).one(as_row(found))
    return ExitCode.DONE


async def send_(
    file: Annotated[FileName, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    account: Account = CONFIGURED,
    type: str | None = None,  # noqa: A002 - the documented name
    json: Json = None,
) -> int:
    """Send a notification to all whose subscription lets it through.

    It is sent once: when no answer comes it may have been accepted, and the error says so.

    Args:
        file: A file with a JSON object, `-` for stdin: `type`, `notification_data`, `asset_data`,
            `payload`, and `attachments` if there are any.
        type: The type, in place of the file's.
    """
    needed = [part for part in _PARTS[:4] if part != "type" or type is None]
    parts = read_object(file, _PARTS, needed)
    if type is not None:
        parts["type"] = type
    async with account.client() as herald:
        sent = await herald.send_notification(**parts)
    Output(json).one(as_row(sent))
    return ExitCode.DONE


async def sent_(incident_id: str, /, *, account: Account = CONFIGURED, json: Json = None) -> int:
    """Show what became of the notifications about an incident, for each destination.

    Args:
        incident_id: The long id of the incident.
    """
    rule = "nothing was sent about an incident of that long id"
    async with account.client() as herald:
        with absent(incident_id, rule):
            found = await herald.get_sent_incident_notifications(incident_id)
    output = Output(json)
    if output.json:
        output.rows([as_row(each) for each in found])
    else:
        rows = [
            {"subject": each.subject, **as_row(status), "sent_at": status.sent_at_datetime}
            for each in found
            for status in each.statuses
        ]
        output.rows(rows, ("subject", "destination", "status", "sent_at"))
    return ExitCode.DONE


async def types_(*, account: Account = CONFIGURED, json: Json = None) -> int:
    """List the types of notifications that there are."""
    async with account.client() as herald:
        found = await herald.get_notification_types()
    Output(json).rows([as_row(each) for each in found], ("notification_type", "name"))
    return ExitCode.DONE


def _typed(options: Mapping[str, Any]) -> str:
    """Return options as they are typed, without those that were not given."""
    words: list[str] = []
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value is not None:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _is_age(text: str | None) -> bool:
    """Whether an option says how long ago."""
    return text is not None and text[-1:] in _UNITS


def _moment(option: str, text: str | None) -> float | datetime | None:
    """Return the moment that an option says; one without an offset is in UTC."""
    if text is None:
        return None
    try:
        if _is_age(text):
            return datetime.now(UTC) - timedelta(seconds=float(text[:-1]) * _UNITS[text[-1]])
        # Eight digits are a date: as seconds they would be a day of the years 1970 to 1973.
        if text.replace(".", "", 1).isdigit() and len(text) != len("20260101"):
            return float(text)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        rule = "must be a date, a moment, epoch seconds, or how long ago, such as 36h or 7d"
        raise UsageError(option, rule) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
