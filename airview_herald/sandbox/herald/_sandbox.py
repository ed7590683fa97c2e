"""Herald's part of the sandbox: its credentials, rows and switches."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from airview_herald.sandbox._database import Database, DatabaseError, IntegrityError
from airview_herald.sandbox._traffic import RecordedRequests
from airview_herald.sandbox.herald._accounts import (
    ACCESS_KEY_ID,
    ACCOUNT_ID,
    SECRET_KEY,
    USER_ID,
    account_document,
    prepare,
)
from airview_herald.sandbox.herald._http import AUTHENTICATE, State
from airview_herald.sandbox.herald._records import new_id
from airview_herald.sandbox.herald._seed import Seed
from airview_herald.sandbox.herald._subscriptions import insert
from airview_herald.sandbox.herald._switches import Switches
from airview_herald.sandbox.herald._tables import (
    ACCOUNT,
    INTEGRATION,
    INTEGRATION_TYPE,
    NOTIFICATION,
    NOTIFICATION_TYPE,
    SENT_NOTIFICATION,
    USER,
    Table,
)

_Object = Mapping[str, Any]


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Tell the caller of rows that the database refuses."""
    try:
        yield
    except IntegrityError:
        raise ValueError("it is there already, or a column that every row has is null") from None
    except DatabaseError as error:
        raise ValueError(f"a value that no column holds: {error}") from None


class HeraldSandbox:
    """What a test can tell the sandbox's Herald, and ask it; callable from any thread.

    Objects are given as they go over the wire, without what is not of interest: ids and times
    are added, and keys that nobody knows come back as they are. Methods that add need a running
    sandbox.

    Attributes:
        account_id: The account that is always there; its row is, once something is added or
            somebody logs in.
        access_key_id: The key id of its user, for AIMS.
        secret_key: The key's secret.
        user_id: Its user.
    """

    account_id: Final[str] = ACCOUNT_ID
    access_key_id: Final[str] = ACCESS_KEY_ID
    secret_key: Final[str] = SECRET_KEY
    user_id: Final[str] = USER_ID

    def __init__(
        self, state: State, database: Callable[[], Database], requests: RecordedRequests
    ) -> None:
        self._state = state
        self._running = database
        self._requests = requests

    @property
    def switches(self) -> Switches:
        """Where it can be told to behave otherwise, before the start or while it runs."""
        return self._state.switches

    @property
    def login_requests(self) -> int:
        """How many of the sandbox's requests went to `/aims/v1/authenticate`."""
        return sum(request.path == AUTHENTICATE for request in self._requests)

    @property
    def endpoint_requests(self) -> int:
        """How many of the sandbox's requests went to the Endpoints service."""
        return sum(request.path.startswith("/endpoints/") for request in self._requests)

    def revoke(self, token: str) -> None:
        """Accept one token no more; `Sandbox.expire_tokens` does that to all."""
        self._state.tokens.revoke(token)

    def refuse_subscriber(self, subscriber: str, *, forbidden: bool = False) -> None:
        """Have a subscriber refused from now on, wherever it is to be added.

        Args:
            subscriber: Its id.
            forbidden: Whether that is for want of permission (403), not because nobody knows it
                (400 for a list, 404 for one).
        """
        self._state.refused[subscriber] = forbidden

    def add_account(
        self, account_id: str, *, managed: bool = True, active: bool = True, name: str = "Child Ltd"
    ) -> None:
        """Add an account.

        Args:
            account_id: Its id: digits.
            managed: Whether the account that is always there manages it, so that tokens of its
                users may use it.
            active: Whether its users can log in and it can send.
            name: Its name.

        Raises:
            ValueError: It is there already.
        """
        self._insert(ACCOUNT, [account_document(account_id, name, active=active, managed=managed)])

    def set_active(self, account_id: str, *, active: bool) -> None:
        """Let an account's users log in and the account send, or not; tokens go on holding.

        Raises:
            ValueError: There is no such account.
        """
        written = self._database().write(
            "UPDATE account SET active = ? WHERE id = ?", active, account_id
        )
        if not written:
            raise ValueError(f"there is no account {account_id}")

    def add_user(  # noqa: PLR0913 - what a user has
        self,
        access_key_id: str,
        secret_key: str,
        *,
        account_id: str = ACCOUNT_ID,
        name: str = "Robin Vale",
        email: str | None = None,
        mfa_code: str | None = None,
        mfa: bool = False,
        password_expired: bool = False,
    ) -> str:
        """Add somebody who can log in.

        Args:
            access_key_id: The key id; the e-mail address does as well.
            secret_key: The secret.
            account_id: The account.
            name: The user's name.
            email: The user's address, which deliveries go to.
            mfa_code: The code that the second step of a login takes; one step without it.
            mfa: Whether there is a second step although there is no code: the user has to
                enrol first.
            password_expired: Whether every login is refused for that.

        Returns:
            The user's id.

        Raises:
            ValueError: The key id is taken.
        """
        user = {
            "account_id": account_id,
            "name": name,
            "email": email,
            "access_key_id": access_key_id,
            "secret_key": secret_key,
            "active": True,
            "locked": False,
            "password_expired": password_expired,
            "mfa_enabled": mfa or mfa_code is not None,
            "mfa_code": mfa_code,
            "version": 1,
        }
        return self._insert(USER, [self._made(user)])[0]

    def add_notifications(
        self, notifications: Iterable[_Object], *, account_id: str = ACCOUNT_ID
    ) -> list[str]:
        """Add notifications; ten thousand take less than a second.

        Args:
            notifications: The notifications. `status` is `created` unless given.
            account_id: The account that they belong to.

        Returns:
            Their ids.

        Raises:
            ValueError: An id is there already.
        """
        usual = {"account_id": account_id, "status": "created"}
        return self._insert(NOTIFICATION, [self._made({**usual, **one}) for one in notifications])

    def add_sent_notifications(
        self, long_incident_id: str, records: Iterable[_Object], *, account_id: str = ACCOUNT_ID
    ) -> list[str]:
        """Add records of notifications that went out about an incident, and return their ids.

        Args:
            long_incident_id: The incident.
            records: The records: `type`, `subject`, `statuses` and so on.
            account_id: The account that they belong to.

        Raises:
            ValueError: An id is there already.
        """
        place = {"account_id": account_id, "long_incident_id": long_incident_id}
        return self._insert(
            SENT_NOTIFICATION, [{"id": new_id()} | dict(one) | place for one in records]
        )

    def add_notification_types(self, notification_types: Iterable[_Object]) -> None:
        """Add notification types: `notification_type`, `name`, `templates` and so on.

        Raises:
            ValueError: One is there already.
        """
        self._insert(NOTIFICATION_TYPE, list(notification_types))

    def add_subscription(self, subscription: _Object, *, account_id: str = ACCOUNT_ID) -> str:
        """Add a subscription with its `subscribers`, active unless it says otherwise.

        Args:
            subscription: The subscription.
            account_id: The account that it belongs to.

        Returns:
            Its id.

        Raises:
            ValueError: Its id is there already.
        """
        document = self._made({"account_id": account_id, "active": True} | dict(subscription))
        subscribers = document.pop("subscribers", [])
        database = self._database()
        with _refusals(), database.transaction():
            insert(database, document, subscribers)
        return str(document["id"])

    def add_integrations(
        self, integrations: Iterable[_Object], *, account_id: str = ACCOUNT_ID
    ) -> list[str]:
        """Add integrations and return their ids; their types are listed from then on.

        Args:
            integrations: The integrations: `type`, `name`, `target_url`, `headers` and so on.
            account_id: The account that they belong to.

        Raises:
            ValueError: An id is there already.
        """
        documents = [self._made({"account_id": account_id} | dict(one)) for one in integrations]
        rows = self._database().rows("SELECT name FROM integration_type")
        known = {row["name"] for row in rows} | {None}
        kinds = dict.fromkeys(one.get("type") for one in documents)
        self._insert(INTEGRATION_TYPE, [{"name": kind} for kind in kinds if kind not in known])
        return self._insert(INTEGRATION, documents)

    def seed(
        self, seed: int = 1, *, notifications: int = 300, latest: float = 1_767_225_600
    ) -> None:
        """Add what an account has after a month: the same from the same arguments.

        These are a managed account, users, notification types, subscriptions with subscribers,
        integrations, and notifications of the usual types, those about incidents with records of
        where they went.

        Args:
            seed: Which of the many possible months.
            notifications: How many notifications of the account; the managed one has a tenth.
            latest: When the month ends, in epoch seconds.

        Raises:
            ValueError: There is a month already.
        """
        month = Seed(seed, notifications, latest)
        self._insert(ACCOUNT, month.accounts)
        self._insert(USER, month.users)
        self._insert(NOTIFICATION_TYPE, month.notification_types)
        for subscription in month.subscriptions:
            self.add_subscription(subscription)
        self.add_integrations(month.integrations)
        self._insert(NOTIFICATION, month.notifications)
        self._insert(SENT_NOTIFICATION, month.sent_notifications)

    def _database(self) -> Database:
        database = self._running()
        prepare(database)
        return database

    def _made(self, document: _Object) -> dict[str, Any]:
        made = {"at": int(time.time()), "by": USER_ID}
        return {"id": new_id(), "created": made, "modified": made, **document}

    def _insert(self, table: Table, documents: Sequence[_Object]) -> list[str]:
        database = self._database()
        with _refusals(), database.transaction():
            for document in documents:
                database.insert(table.name, table.row(document))
        return [str(document.get("id")) for document in documents]
