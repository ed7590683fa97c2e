"""What a client knows of its server and of itself."""

from __future__ import annotations

import attrs

from airview_herald._secret import Secret
from airview_herald.airview.models import SystemStage


def _secret(token: str | Secret | None) -> Secret | None:
    return None if token is None else Secret(token, "token")


@attrs.frozen
class BackendConfig:
    """The documented settings of a backend.

    Attributes:
        base_url: Where the API is, with its prefix if it has one.
        token: The token, with or without `Bearer `; masked wherever it is shown.
        system_name: The name of the system that records: its key on the server.
        system_stage: The stage that the system looks at.
        referencing_type: The type under which applications are referenced, `aws_account_id` say.
    """

    base_url: str
    token: Secret | None = attrs.field(converter=_secret)
    system_name: str
    system_stage: SystemStage | str
    referencing_type: str
