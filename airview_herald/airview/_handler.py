"""The documented way to a handler."""

from __future__ import annotations

from typing import Any

from airview_herald._secret import Secret
from airview_herald.airview._client import AirView
from airview_herald.airview._config import BackendConfig
from airview_herald.airview.models import SystemStage

Handler = AirView


def get_handler(
    base_url: str,
    system_name: str,
    system_stage: SystemStage | str,
    referencing_type: str,
    token: str | Secret | None,
    **options: Any,
) -> AirView:
    """Return a handler, to be used as `async with`.

    The token is sent for as long as the handler lives, and lapses in time. What lives longer than
    a token uses `AirView` itself, with an `auth` that renews its tokens.

    Args:
        base_url: Where the API is, with its prefix if it has one.
        system_name: The name of the system that records, at most 500 characters.
        system_stage: The stage it looks at; counts when the system is first recorded.
        referencing_type: The type under which applications are referenced, such as
            `aws_account_id`.
        token: The token, with or without `Bearer `; `None` sends none.
        **options: As for `AirView`.

    Raises:
        ConfigurationError: A setting cannot work; the message names it.
        InputError: The system's name or stage breaks a rule.
    """
    return AirView.from_config(
        BackendConfig(base_url, token, system_name, system_stage, referencing_type), **options
    )
