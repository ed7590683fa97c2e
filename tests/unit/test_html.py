"""What notebooks show of rows, reports and plans: tidy, escaped, and without secrets."""

from html.parser import HTMLParser

import attrs
import pytest

from airview_herald import airview, herald
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    ComplianceGroup,
    Control,
    Environment,
    IngestReport,
    Mismatch,
    Orphan,
    Outcome,
    OutcomeStatus,
    Plan,
    PlannedDefinition,
    Rows,
    Stage,
    TechnicalControl,
)
from airview_herald.errors import BadRequestError, RequestFacts
from airview_herald.herald import Integration, Notification, Page, Payload, Stamp

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(2)">'"&</td></table>"""
TAGS = {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}


class Seen(HTMLParser):
    """The tags, attributes and texts of a piece of HTML, whose tags all have to be closed."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = set(), set(), [], []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def hostile_event():
    """Return an event whose every text is hostile."""
    application = Application(HOSTILE, HOSTILE, environment=Environment(HOSTILE, HOSTILE))
    control = TechnicalControl(HOSTILE, HOSTILE, HOSTILE, control=Control(HOSTILE, HOSTILE))
    return ComplianceEvent(HOSTILE, application, control, HOSTILE, HOSTILE)


def hostile_report():
    """Return a report in which each part has hostile texts."""
    report = IngestReport(inputs=1, unreconciled=HOSTILE)
    error = BadRequestError(HOSTILE, RequestFacts(status=400))
    report.add(Outcome(hostile_event(), 0, OutcomeStatus.FAILED, Stage.QUEUED, error=error))
    report.mismatches = (Mismatch("control", HOSTILE, "severity", HOSTILE, HOSTILE),)
    report.orphans = (Orphan(HOSTILE, None),)
    report.errors[HOSTILE] = 1
    return report


def hostile_plan():
    """Return a plan in which each part has hostile texts."""
    report = hostile_report()
    definition = PlannedDefinition("control", HOSTILE, None)
    return Plan(1, 1, tuple(report.failures), (), (definition,), report.mismatches, 0)


def hostile_class():
    """Return rows of a class with a hostile name."""
    made = attrs.make_class("Row", ["text"])
    made.__name__ = HOSTILE
    return Rows([made(HOSTILE)])


SHOWN = {
    "event": hostile_event,
    "rows": lambda: Rows([ComplianceGroup(1, 0, application_name=HOSTILE)]),
    "page": lambda: Page((Notification(id=HOSTILE, payload=Payload(threat=HOSTILE)),)),
    "notification": lambda: Notification(payload=Payload(extra={HOSTILE: 1}), extra={HOSTILE: 1}),
    "stamp": lambda: Stamp(by=HOSTILE),
    "report": hostile_report,
    "outcome": lambda: hostile_report().failures[0],
    "plan": hostile_plan,
    "a class's name": hostile_class,
}


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_a_hostile_text_stays_a_text(make):
    """No tag or attribute but ours is in it, and each of ours is closed."""
    seen = Seen(make()._repr_html_())
    assert seen.tags <= TAGS
    assert seen.attributes <= {"style", "scope"}


@pytest.mark.parametrize("make", [hostile_event, hostile_report, SHOWN["rows"]])
def test_a_hostile_text_can_be_read(make):
    """It is shown as it is."""
    assert HOSTILE in Seen(make()._repr_html_()).texts


@pytest.mark.parametrize("door", [airview, herald], ids=lambda door: door.__name__)
def test_every_row_is_shown_in_notebooks(door):
    """All classes of data have a table: those that are neither a client nor a setting."""
    bare = {"BackendConfig", "Reconciliation", "State"}
    classes = {name for name in door.__all__ if attrs.has(vars(door)[name])}
    assert {name for name in classes if not hasattr(vars(door)[name], "_repr_html_")} == (
        bare & classes
    )


def test_what_may_be_a_secret_is_not_shown():
    """As in the text of a row: neither marked fields nor unknown ones."""
    secret = {"key": "hidden"}
    integration = Integration(id="7", target_url="hidden", headers=secret, extra=secret)
    for shown in (integration, Rows([integration]), Page((integration,), raw=secret)):
        assert "hidden" not in shown._repr_html_()
    assert "hidden" not in Payload(threat="High", extra={"session": "hidden"})._repr_html_()


def test_a_report_says_what_became_of_its_events():
    """Its title is the sum; the counts, and what went wrong, are tables."""
    report = IngestReport(inputs=1500, recorded=1498, requests=3000, elapsed=2.04)
    error = BadRequestError("no", RequestFacts(status=400))
    event = attrs.evolve(hostile_event(), resource_reference="i-0abc")
    report.add(Outcome(event, 7, OutcomeStatus.FAILED, Stage.QUEUED, error=error))
    texts = Seen(report._repr_html_()).texts
    assert texts[0] == "1,498 of 1,500 recorded in 2.0 s"
    assert {"not_attempted", "3000", "Errors", "BadRequestError 400", "Failures", "i-0abc"} <= set(
        texts
    )
    assert not {"Mismatches", "Orphans", "unreconciled"} & set(texts)


def test_a_long_list_shows_its_first_rows_and_how_many_there_are():
    """Twenty rows; a frame shows more."""
    rows = Rows([ComplianceGroup(number, 0) for number in range(1000, 3000)])
    seen = Seen(rows._repr_html_())
    assert seen.texts[0] == "ComplianceGroup: 2,000 rows"
    assert seen.texts[-1] == "the first 20 of 2,000"
    assert "1019" in seen.texts
    assert "1020" not in seen.texts
    assert "control_severity" not in seen.texts


def test_a_long_text_is_cut():
    """A notebook is no place for 8,000 characters of a scanner's words."""
    event = attrs.evolve(hostile_event(), additional_data="x" * 8000)
    assert f"{'x' * 120}…" in Seen(event._repr_html_()).texts


def test_nothing_is_shown_as_such():
    """An empty answer says how many rows it has, and has no table."""
    seen = Seen(Rows()._repr_html_())
    assert (seen.tags & {"table"}, seen.texts) == (set(), ["0 rows"])
    assert "table" not in Seen(Stamp()._repr_html_()).tags
