"""The account, and its user, that are always there."""

from typing import Any

from airview_herald.sandbox._database import Database
from airview_herald.sandbox.herald._tables import ACCOUNT, USER

ACCOUNT_ID = "12345678"
USER_ID = "0D6F2C1A-5B0E-4E0B-9C55-2F6D1B7A9E10"
ACCESS_KEY_ID = "SANDBOXKEYID"
SECRET_KEY = "sandbox-secret-key"  # noqa: S105 - opens nothing but a sandbox

_MADE = {"at": 1_430_183_768, "by": "System"}


def account_document(account_id: str, name: str, *, active: bool, managed: bool) -> dict[str, Any]:
    """Describe an account, managed by the one that is always there or by none."""
    document = {
        "id": account_id,
        "name": name,
        "active": active,
        "accessible_locations": ["insight-us-virginia"],
        "default_location": "insight-us-virginia",
        "version": 1,
        "created": _MADE,
        "modified": _MADE,
    }
    return document | ({"managed_by": ACCOUNT_ID} if managed else {})


def user_document(user_id: str, name: str, email: str) -> dict[str, Any]:
    """Describe a user of the account that is always there, without a key."""
    return {
        "id": user_id,
        "account_id": ACCOUNT_ID,
        "name": name,
        "email": email,
        "active": True,
        "locked": False,
        "password_expired": False,
        "mfa_enabled": False,
        "version": 1,
        "created": _MADE,
        "modified": _MADE,
    }


def prepare(database: Database) -> None:
    """Add the account and its user unless the database has them: tables are empty until then."""
    if _there(database):
        return
    account = account_document(ACCOUNT_ID, "Example Ltd", active=True, managed=False)
    user = user_document(USER_ID, "Robin Vale", "robin.vale@example.com")
    key = {"access_key_id": ACCESS_KEY_ID, "secret_key": SECRET_KEY}
    with database.transaction():
        # Checked again in the transaction: another thread may have made it.
        if not _there(database):
            database.insert("account", ACCOUNT.row(account))
            database.insert("user", USER.row(user | key))


def _there(database: Database) -> bool:
    return bool(database.rows("SELECT 1 FROM account WHERE id = ?", ACCOUNT_ID))
