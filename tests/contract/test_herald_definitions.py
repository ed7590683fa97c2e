"""Herald's operations against the OpenAPI definitions that Alert Logic publishes."""

import json
from urllib.parse import quote

import attrs
import definitions
import httpx
import pytest
from definitions import example, faults, merged, query_faults, resolved

from airview_herald import herald
from airview_herald._open import OpenRow, encode, wire_name
from airview_herald._pagination import Page
from airview_herald.errors import ClientStatusError, InputError, RequestFacts, status_error
from airview_herald.herald import _routes as routes
from airview_herald.herald._calls import read_error
from airview_herald.transport._call import Reply

# How many operations each version has.
VERSIONS = {"0.1.70": 19, "0.1.168": 16}
COLUMNS = ("method", "path", "parameters", "body", "response")

VALUES = {
    "account_id": "12345678",
    "notification_id": "N 1/a",
    "long_incident_id": "L?1",
    "type": "incidents/alerts",
    "subscription_id": "U#1",
    "subscriber_type": "user",
    "subscriber": "S%1",
    "id": "I;1",
}
ACCOUNT, NOTIFICATION, SUBSCRIPTION = (
    VALUES[name] for name in ("account_id", "notification_id", "subscription_id")
)
SUBSCRIBER = {"subscriber": VALUES["subscriber"], "subscriber_type": VALUES["subscriber_type"]}
SEND = {"type": "incidents/alerts", "notification_data": {}, "asset_data": {}, "payload": {}}
CREATE = {"name": "N", "class_": "event", "notification_type": "incidents/alerts"}
CHANGES = {
    "external_id": "X",
    "active": True,
    "options": herald.SubscriptionOptions(include_attachments=True, email_subject="S"),
    "filters": {"=": [{"source": "account.id"}, "1"]},
    "template": "incidents_template",
    "suppression_interval": 120,
}
STEP = herald.SubscriberUpdate("S1", "connection", "add")

# The documented success of each operation, and its calls: with the least and with everything.
OPERATIONS = {
    "get_notification": (200, [routes.get_notification(NOTIFICATION)]),
    "get_account_notification": (200, [routes.get_account_notification(ACCOUNT, NOTIFICATION)]),
    "get_account_notification_by_type": (200, [
        routes.get_account_notification_by_type(ACCOUNT, "incidents/alerts"),
        routes.get_account_notification_by_type(
            ACCOUNT, "incidents/alerts", sort="asc", since=1, until=2, limit=3,
            continuation_id="a+/=",
        ),
    ]),
    "get_sent_incident_notifications": (200, [
        routes.get_sent_incident_notifications(ACCOUNT, VALUES["long_incident_id"])]),
    "sent_notification": (202, [
        routes.sent_notification(ACCOUNT, **SEND),
        routes.sent_notification(
            ACCOUNT,
            type="incidents/alerts",
            notification_data=herald.NotificationData(class_="recon", attackers=("a",)),
            asset_data=herald.AssetData("D1", ({"env": "prod"},), ({"key": "env"},)),
            payload=herald.Payload(cid=1, class_="recon", threat="High"),
            attachments=[herald.Attachment("a.png", "A", "https://f.example/a")],
        ),
    ]),
    "get_account_subscriptions": (200, [
        routes.get_account_subscriptions(ACCOUNT),
        routes.get_account_subscriptions(
            ACCOUNT, class_="event", external_id="X", notification_type="a/b",
            include_subscribers=False,
        ),
    ]),
    "get_account_subscription": (200, [
        routes.get_account_subscription(ACCOUNT, SUBSCRIPTION),
        routes.get_account_subscription(ACCOUNT, SUBSCRIPTION, include_subscribers=True),
    ]),
    "create_subscription": (201, [
        routes.create_subscription(ACCOUNT, **CREATE),
        routes.create_subscription(
            ACCOUNT, **CREATE, **CHANGES, subscribers=[herald.Subscriber("S1", "user")]),
    ]),
    "update_subscription": (200, [
        routes.update_subscription(
            ACCOUNT, SUBSCRIPTION, name="N", notification_type="a/b", **CHANGES)]),
    "delete_subscription": (204, [routes.delete_subscription(ACCOUNT, SUBSCRIPTION)]),
    "batch_delete_subscriptions": (204, [routes.batch_delete_subscriptions(ACCOUNT, ["U1"])]),
    "get_account_subscription_subscribers": (200, [
        routes.get_account_subscription_subscribers(ACCOUNT, SUBSCRIPTION)]),
    "add_subscriber": (201, [routes.add_subscriber(ACCOUNT, SUBSCRIPTION, **SUBSCRIBER)]),
    "remove_subscriber": (204, [routes.remove_subscriber(ACCOUNT, SUBSCRIPTION, **SUBSCRIBER)]),
    "batch_update_subscribers": (204, [
        routes.batch_update_subscribers(ACCOUNT, SUBSCRIPTION, [STEP])]),
    "get_notification_types": (200, [routes.get_notification_types()]),
    "get_account_integration": (200, [routes.get_account_integration(ACCOUNT, VALUES["id"])]),
    "get_account_integrations": (200, [routes.get_account_integrations(ACCOUNT)]),
    "get_integration_types": (200, [routes.get_integration_types()]),
}  # fmt: skip
# The schemas of what answers hold, and our classes.
MODELS = {
    "Notification": herald.Notification,
    "Subscriber": herald.Subscriber,
    "Subscription": herald.Subscription,
    "Notification-Type": herald.NotificationType,
    "Integration-Type": herald.IntegrationType,
    "Integration-Webhook": herald.Integration,
    "Failed-Subscribers": None,
}
# Only ever sent by others: it came with 0.1.69 and went with 0.1.124.
NOT_SENT = {"system"}


@pytest.fixture(scope="module", params=VERSIONS)
def version(request):
    """Take each version in turn."""
    return request.param


@pytest.fixture(scope="module")
def document(version):
    """Read the definitions of a version."""
    return definitions.load(version)


@pytest.fixture(scope="module")
def defined(document):
    """Find the operations of a version."""
    return definitions.operations(document)


def sent(call):
    """Take a call apart: its path, its query and its body."""
    path, _, query = call.target.partition("?")
    return path, query, None if call.body is None else json.loads(call.body)


def answered(call, value, status):
    """Let a call read an answer."""
    content = b"" if value is None else json.dumps(value).encode()
    facts = RequestFacts(call.method, "https://herald.example", status)
    return call.decode(Reply(status, httpx.Headers(), content, facts))


def written(result, value):
    """Write down what was read, in the shape of the answer that it was read from."""
    if isinstance(result, Page):
        (row,) = result.items
        return encode(row)
    if isinstance(result, list):
        (name,) = value
        return {name: [encode(row) for row in result]}
    return result if result is None else encode(result)


def check_method(operation, _success, calls):
    """The method is the documented one."""
    yield from (f"{call.method}" for call in calls if call.method != operation.method)


def check_path(operation, _success, calls):
    """The path is the documented template, with each value as one segment, a type as two."""
    path = operation.template
    for name in operation.names("path"):
        safe = "/" if name == "type" else ""
        path = path.replace(f"{{{name}}}", quote(VALUES[name], safe=safe))
    yield from (f"{sent(call)[0]} is not {path}" for call in calls if sent(call)[0] != path)


def check_parameters(operation, _success, calls):
    """Every documented parameter can be sent, none has to be, and there is no other."""
    least, most = (
        {pair.partition("=")[0] for pair in sent(call)[1].split("&") if pair}
        for call in (calls[0], calls[-1])
    )
    required = {each["name"] for each in operation.parameters if each.get("required")}
    if least != required & operation.names("query"):
        yield f"{least} are always sent"
    if most != operation.names("query"):
        yield f"{most} can be sent, {operation.names('query')} are documented"
    if operation.names("header") | operation.names("cookie"):
        yield "has parameters in other places"
    for call in calls:
        yield from query_faults(operation, sent(call)[1])


def check_body(operation, _success, calls):
    """Every documented key can be sent, those required always are, each as its schema says."""
    least, most = (sent(call)[2] for call in (calls[0], calls[-1]))
    if operation.body is None:
        yield from ["has no body"] * (least is not None or most is not None)
        return
    schema = merged(operation.document, operation.body)
    if schema["required"] and set(least) != set(schema["required"]):
        yield f"{set(least)} are always sent, {schema['required']} are required"
    if set(most) != set(schema["properties"]) - NOT_SENT:
        yield f"{set(most)} can be sent, {set(schema['properties'])} are documented"
    for body in (least, most):
        yield from faults(operation.document, operation.body, body)


def check_response(operation, success, calls):
    """The success is the documented one, and its examples come out of our classes as they were."""
    if set(operation.successes) != {success} or not calls[0].succeeds(success):
        yield f"the successes are {set(operation.successes)}"
    for status in map(int, operation.responses):
        if (
            status >= 400
            and type(status_error("", RequestFacts(status=status))) is ClientStatusError
        ):
            yield f"{status} has no class"
    schema, examples = operation.successes[success]
    for value in [None] if schema is None else [*examples, *_component_examples(operation, schema)]:
        found = written(answered(calls[0], value, success), value)
        if found != value:
            yield f"{value} came out as {found}"


def _component_examples(operation, schema):
    """Return the examples of the schemas that an answer is made of, in the shape of the answer."""
    document = operation.document
    whole = resolved(document, schema)
    for part in whole.get("anyOf", [whole]):
        described = resolved(document, part)
        yield from described.get("x-examples", {}).values()
        for name, each in described.get("properties", {}).items():
            if "$ref" in each.get("items", {}):
                items = resolved(document, each["items"])["x-examples"].values()
                yield {name: list(items)}


CHECKS = {
    "method": check_method,
    "path": check_path,
    "parameters": check_parameters,
    "body": check_body,
    "response": check_response,
}


def conformance(defined):
    """Tell of each operation, by column, what does not conform."""
    return {
        name: {column: list(CHECKS[column](operation, *OPERATIONS[name])) for column in COLUMNS}
        for name, operation in defined.items()
        if name in OPERATIONS
    }


def test_every_operation_conforms(version, defined, capsys):
    """All operations of the definitions are there, and conform in every column: a table tells."""
    table = conformance(defined)
    whole = [name for name, row in table.items() if not any(row.values())]
    with capsys.disabled():
        print(f"\n\n{f'Herald as of {version}':40}{''.join(f'{c:12}' for c in COLUMNS)}")  # noqa: T201 - the report
        for name, row in table.items():
            marks = "".join(f"{'differs' if row[c] else 'conforms':12}" for c in COLUMNS)
            print(f"{name:40}{marks}")  # noqa: T201 - likewise
        print(f"{len(whole)} of {len(defined)} operations conform")  # noqa: T201 - likewise
    assert {name: row for name, row in table.items() if any(row.values())} == {}
    assert set(defined) <= set(OPERATIONS)
    assert len(whole) == len(defined) == VERSIONS[version]


def test_the_oldest_version_has_every_operation():
    """No operation of ours but the undocumented ones is without a definition."""
    assert set(definitions.operations(definitions.load("0.1.70"))) == set(OPERATIONS)


@pytest.mark.parametrize("name", MODELS)
def test_every_documented_field_is_an_attribute(document, name):
    """Whatever a schema of an answer lists is read into an attribute, and comes out again."""
    kind = MODELS[name]
    schema = document["components"]["schemas"].get(name)
    if schema is None:
        pytest.skip("not in this version")
    if kind is None:
        (listed,) = schema["properties"].values()
        kind, schema = herald.FailedSubscriber, listed["items"]
    row = routes.part(kind, value := example(document, schema), reply())
    assert row.extra == {}
    assert encode(row) == mended(value)


def test_every_documented_field_of_a_sent_notification_is_an_attribute(document):
    """Likewise of what is nested in the schema of the listing."""
    schema = document["components"]["schemas"]["Incident-Notification"]
    (value,) = example(document, schema)["notifications"]
    row = routes.part(herald.SentNotification, value, reply())
    assert encode(row) == mended(value)
    assert [each.extra for each in rows(row)] == [{}] * len(list(rows(row)))


def rows(row):
    """Find every object in an object."""
    yield row
    for field in attrs.fields(type(row)):
        item = getattr(row, field.name)
        for each in item if isinstance(item, tuple) else (item,):
            if isinstance(each, OpenRow):
                yield from rows(each)


def reply(content=b"{}", status=200):
    """Make an answer."""
    return Reply(status, httpx.Headers(), content, RequestFacts("GET", "https://herald.example"))


def mended(value):
    """Do what reading does: quotes are taken off, `header` is `headers`, details are a list."""
    if isinstance(value, dict):
        names = {"header": "headers"}
        found = {names.get(name, name): mended(item) for name, item in value.items()}
        if isinstance(found.get("details"), str):
            found["details"] = [found["details"]]
        return found
    if isinstance(value, list):
        return [mended(item) for item in value]
    return definitions.unquoted(value) if isinstance(value, str) else value


@pytest.fixture(autouse=True)
def _active_is_a_boolean(document):
    """Correct the one type that every example contradicts."""
    active = document["components"]["schemas"]["Subscription"]["properties"]["active"]
    active["type"] = "boolean"


def test_documented_requests_are_sent_as_they_are(defined):
    """The examples of requests, but for known faults, are what our operations send for them."""

    def python(value):
        names = {"class": "class_"}
        return {names.get(name, name): item for name, item in value.items() if name not in NOT_SENT}

    def wire(value):
        return {wire_name(name): item for name, item in python(value).items()}

    for value in defined["sent_notification"].request_examples:
        assert sent(routes.sent_notification(ACCOUNT, **value))[2] == value
    for value in defined["create_subscription"].request_examples:
        assert sent(routes.create_subscription(ACCOUNT, **python(value)))[2] == wire(value)
    for value in defined["update_subscription"].request_examples:
        assert sent(routes.update_subscription(ACCOUNT, "U1", **value))[2] == value
    # Bare lists, where the schema has an object.
    (ids,) = defined["batch_delete_subscriptions"].request_examples
    assert sent(routes.batch_delete_subscriptions(ACCOUNT, ids))[2] == {"ids": ids}
    (steps,) = defined["batch_update_subscribers"].request_examples
    call = routes.batch_update_subscribers(ACCOUNT, "U1", steps)
    assert sent(call)[2] == {"subscribers": steps}


def test_the_limits_are_the_documented_ones(document, defined):
    """What the definitions refuse is refused, at the very edge, and what they allow is sent."""
    schemas = document["components"]["schemas"]
    interval = schemas["Subscription-Request-Field-Suppression-Interval"]
    for value in (interval["minimum"], interval["maximum"]):
        routes.update_subscription(ACCOUNT, "U1", suppression_interval=value)
    for value in (interval["minimum"] - 1, interval["maximum"] + 1):
        with pytest.raises(InputError):
            routes.update_subscription(ACCOUNT, "U1", suppression_interval=value)

    pattern = schemas["Subscription-Request-Field-Notification-Type"]
    for value in ("incidents/alerts", "a b/ü", "incidents", "a/", "/b", "a/b/c", "/", ""):
        refused = list(faults(document, pattern, value))
        try:
            routes.create_subscription(ACCOUNT, **CREATE | {"notification_type": value})
        except InputError:
            assert refused
        else:
            assert not refused

    ids = merged(document, defined["batch_delete_subscriptions"].body)["properties"]["ids"]
    assert ids["minItems"] == 1
    with pytest.raises(InputError):
        routes.batch_delete_subscriptions(ACCOUNT, [])

    steps = merged(document, defined["batch_update_subscribers"].body)["properties"]["subscribers"]
    step = merged(document, steps["items"])
    assert set(step["required"]) == {"subscriber", "subscriber_type", "action"}
    for action in (*step["properties"]["action"]["enum"], "remove"):
        value = attrs.evolve(STEP, action=action)
        try:
            routes.batch_update_subscribers(ACCOUNT, "U1", [value])
        except InputError:
            assert action == "remove"
        else:
            assert action != "remove"


def test_documented_errors_are_read(document):
    """Every example of an error body gives its code, and what it tells besides."""
    schemas = document["components"]["schemas"]
    values = [
        value
        for name in ("Basic-Error-Response", "Validation-Error-Response")
        for value in schemas[name]["x-examples"].values()
    ]
    assert len(values) == 4
    for value in values:
        found = read_error(reply(json.dumps(value).encode(), 400))
        assert found.own
        told = {"error": found.code, "details": found.answer.details, "path": found.answer.path}
        assert {name: item for name, item in told.items() if item is not None} == value
