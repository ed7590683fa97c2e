"""Where the sandbox's Herald can be told to behave otherwise."""

from typing import Literal

from attrs import define, field, validators

Listing = Literal["page", "list", "object"]
Ending = Literal["absent", "empty page"]
Integrations = Literal["headers", "header", "removed"]


@define(slots=True)
class Switches:
    """What may be set while the sandbox runs, each with its default; a wrong value is an error.

    Attributes:
        token_lifetime: Seconds for which a token from now on holds; 0 for one that never does.
        listing: How notifications are listed by type: in a `page` with its envelope, as a bare
            `list`, or as one bare `object`, the first of the page.
        ending: How a listing ends: the `continuation_id` is `absent` from the last page with
            notifications, or there is always one and an `empty page` that repeats it comes last.
        integrations: Whether integrations come with `headers`, with the `header` of the
            definitions, or the routes are `removed` and answer 404.
        wrap_tests: Whether the test of an integration answers inside `{"response": ...}`, as
            version 1 of the API did.
        refuse_authorization: Whether requests with an `Authorization` header are answered 400
            everywhere but on `/aims/v1/authenticate`: credentials do not belong there.
    """

    token_lifetime: float = field(default=21_600.0, validator=validators.ge(0))
    listing: Listing = field(default="page", validator=validators.in_(("page", "list", "object")))
    ending: Ending = field(default="absent", validator=validators.in_(("absent", "empty page")))
    integrations: Integrations = field(
        default="headers", validator=validators.in_(("headers", "header", "removed"))
    )
    wrap_tests: bool = field(default=False, validator=validators.instance_of(bool))
    refuse_authorization: bool = field(default=False, validator=validators.instance_of(bool))
