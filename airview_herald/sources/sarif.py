"""Events from SARIF 2.1.0, as ruff, Bandit, Semgrep, Checkov and Trivy write it.

```
file                   resource             path below `base`, else as the report has it
first directory        application          or what `application` says
tool/rule              technical control    and its parent, if `control` names one
fail                   FLAGGED
pass, or gone          MONITORING           `kind: pass`, `baselineState: absent`
other kinds            left out             counted in `ignored`
suppressed             left out             counted in `suppressed`
```
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeAlias

from airview_herald._quoted import printable, quoted
from airview_herald.airview._rules import Rules
from airview_herald.airview.models import (
    Application,
    ComplianceEvent,
    Control,
    TechnicalControlAction,
)
from airview_herald.errors import InputError
from airview_herald.sources._files import PathOrFile, SourceFile, TextPath, as_bytes
from airview_herald.sources._sarif_document import FaultError, Log, decode
from airview_herald.sources._sarif_paths import directory
from airview_herald.sources._sarif_reading import Choices, Counts, Reading
from airview_herald.sources._sarif_rules import SarifRule
from airview_herald.sources.problems import ProblemLog, SourceProblem
from airview_herald.sources.references import encode_reference

__all__ = ["MAX_BYTES", "SarifEvents", "SarifRule", "read_sarif"]

_logger = logging.getLogger("airview_herald")

MAX_BYTES = 512 * 1024 * 1024
# The fewest bytes of a file per object or comma: two bytes such as `{}` can take sixty in memory,
# and even compact SARIF has twenty bytes per object or comma.
_BYTES_A_PART = 16
_FEW_PARTS = 65_536
_LONGEST = 500
_ABSOLUTE = re.compile(r"/|[A-Z]:/")
_UNREADABLE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, b"{\0", b"\0{", b"\0\0\0{")

_Action: TypeAlias = TechnicalControlAction | str


def read_sarif(  # noqa: PLR0913 - all but the first by keyword
    path_or_file: PathOrFile,
    *,
    application: Application | Callable[[str], Application | None] | None = None,
    control: Control | Callable[[SarifRule], Control | None] | None = None,
    control_action: _Action | Callable[[SarifRule], _Action] | None = None,
    base: TextPath | None = None,
    on_problem: Callable[[SourceProblem], object] | None = None,
    max_bytes: int = MAX_BYTES,
) -> SarifEvents:
    r"""Read events from a SARIF 2.1.0 report.

    All results of one rule in one file are one event, in the order in which the pairs first
    appear. Its `additional_data` has a line for each, such as `12:5 Use of assert`, and ends in
    `… and 12 more` where 8000 characters do not hold them all. One FLAGGED result makes the event
    FLAGGED, with the lines of its findings only.

    A result's resource is its file, percent-decoded and with `/` between the parts:

    - below `base`, the path from there. A relative path whose own base the report does not
      define counts as below `base`;
    - with no `base`, the path from the report's own `originalUriBaseIds`; `file:///` is none;
    - where the report does not say, the absolute path, such as `/usr/lib/x.py`, `C:/x.py` or
      `https://host/x.py`: with its leading slash, so that it is never taken for another file's
      relative path.

    Files that are not below `base` are a problem, one that counts their results: under another
    name each would be another resource, of an application that nobody meant.

    A result with several files counts for each. One without a file has the qualified name of its
    logical location for a resource, or the file that was being analysed; one that has none of
    these is a problem.

    A technical control's reference is `tool/rule`, such as `ruff/S101`, through
    `encode_reference`; its name is the rule's, trimmed to 500 characters. References over 500
    characters are problems: nothing is cut silently.

    Results that an accepted suppression covers are left out; one `underReview` or `rejected`
    covers nothing. `notApplicable`, `informational`, `open` and `review` results are left out
    too: they say neither that a check failed nor that it passed.

    Nothing is opened until the result is iterated. The report is then read whole, and every
    result before the first event. Of a property that is there twice the last one counts; an index
    that leads nowhere is one that is not there. Nothing is opened that a report names.

    Args:
        path_or_file: A path, or an open text or binary file, which stays open. UTF-8, or UTF-16
            with a byte order mark, as PowerShell redirects.
        application: The application of a resource, or of all. A function is asked once for each
            resource; its `None` leaves the resource's results out, counted in `unassigned`. By
            default the first part of the path is an application's name, and by
            `encode_reference` its reference: a file at the top is an application of its own. Of
            an absolute path that is `home`, say, of which a warning is logged.
        control: The parent control of a rule, or of all; asked once for each rule. By default
            technical controls have none.
        control_action: What a breach leads to, or a function of the rule. By default
            VULNERABILITY for rules with a `security-severity` or a tag `security` or
            `vulnerability`, and LOG for others, so for all of ruff's, which has neither.
        base: The directory that paths are relative to, usually the repository's. ruff writes
            absolute paths, so name it there. A relative one is taken from the working directory,
            and has to be there; an absolute one may be another machine's.
        on_problem: Called with each problem, in the thread that iterates. What it raises, or any
            of these functions, ends the iteration.
        max_bytes: The largest report to read; default 512 MiB. It may have an object or a comma
            for 16 of them. Memory is up to three times the size of what tools write, and ten times
            `max_bytes` for any other: set less for the reports of strangers.

    Returns:
        An iterable of the events, with counters.

    Raises:
        InputError: An argument breaks a rule.
    """
    return SarifEvents(
        path_or_file,
        Choices(
            application=_chosen(application, _first_part, _check_application),
            control=_chosen(control, _no_control, _check_control),
            control_action=_chosen(control_action, _usual_action, _check_action),
            within=directory(base) if base is not None else (),
        ),
        on_problem=on_problem,
        max_bytes=max_bytes,
    )


class SarifEvents(Iterable[ComplianceEvent]):
    """The events of a SARIF report; made by `read_sarif`.

    Each iteration reads the file from its start and starts the counters anew; they belong to the
    latest one, and can be read from another thread meanwhile. Always
    `results == included + suppressed + ignored + unassigned + malformed`.

    Attributes:
        blocking: Iterating does file I/O: iterate in a worker thread.

    Raises:
        InputError: When iterated, before the first event, if the file is not JSON, is not SARIF
            2.1, is larger than `max_bytes`, or has too many parts for that; if a text file is not
            in its encoding; if a file that cannot seek is read again; or if a function gives what
            it is not asked for.
        OSError: When iterated, if the file cannot be opened or read.
    """

    blocking: ClassVar[bool] = True

    def __init__(
        self,
        path_or_file: PathOrFile,
        choices: Choices,
        *,
        on_problem: Callable[[SourceProblem], object] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if max_bytes < 1:
            raise InputError("max_bytes", "is at least 1", max_bytes)
        self._source = path_or_file
        self._file = SourceFile(path_or_file)
        self._choices = choices
        self._on_problem = on_problem
        self._max_bytes = max_bytes
        self._start_anew()

    @property
    def results(self) -> int:
        """Results read, whatever became of them."""
        return self._counts.results

    @property
    def included(self) -> int:
        """Results that are part of an event."""
        return self._counts.included

    @property
    def suppressed(self) -> int:
        """Results left out for an accepted suppression."""
        return self._counts.suppressed

    @property
    def ignored(self) -> int:
        """Results left out for their kind: notApplicable, informational, open or review."""
        return self._counts.ignored

    @property
    def unassigned(self) -> int:
        """Results left out because `application` gave none."""
        return self._counts.unassigned

    @property
    def malformed(self) -> int:
        """Results that could not be read, or are not below `base`.

        Each that could not be read is a problem, and so are all that are not below `base` together.
        """
        return self._counts.malformed

    @property
    def events(self) -> int:
        """Events given so far."""
        return self._events

    @property
    def expected(self) -> int:
        """Events that the report gives in all, known when the first is given; 0 before."""
        return self._expected

    @property
    def problems(self) -> tuple[SourceProblem, ...]:
        """What could not be read, results and other parts; the first 1,000."""
        return self._log.kept

    @property
    def problem_count(self) -> int:
        """How many parts could not be read."""
        return self._log.total

    def _start_anew(self) -> None:
        self._events = 0
        self._expected = 0
        self._counts = Counts()
        self._log = ProblemLog(self._file.name, self._on_problem)

    def __iter__(self) -> Iterator[ComplianceEvent]:
        """Read the report, then give its events."""
        self._start_anew()
        reading = Reading(self._choices, self._counts, self._log)
        # In one expression, so that the parsed report is freed before the first event.
        reading.read(self._log_of(self._content()))
        self._expected = len(reading.findings)
        self._warn(reading)
        for findings in reading.findings:
            self._events += 1
            yield findings.event()

    def _warn(self, reading: Reading) -> None:
        """Warn of applications that are named after where a folder was, on some machine."""
        if self._choices.application is not _first_part:
            return
        absolute = (each for each in reading.findings if _ABSOLUTE.match(each.resource))
        first = next(absolute, None)
        if first is not None:
            _logger.warning(
                "base: %s has absolute paths, such as %s, whose first folder becomes an "
                "application, %s; name the folder that they are below",
                printable(self._file.name, _LONGEST),
                quoted(first.resource),
                quoted(first.application.name),
            )

    def _content(self) -> bytes:
        chunks: list[bytes] = []
        left = self._max_bytes + 1
        with self._file.opened() as file:
            # In a loop, since an unbuffered file may return less than was asked for.
            while left and (chunk := as_bytes(file.read(left))):
                chunks.append(chunk)
                left = max(0, left - len(chunk))
        if not left:
            raise self._refusal(f"is larger than {self._max_bytes} bytes")
        content = b"".join(chunks)
        parts = content.count(b"{") + content.count(b",")
        most = max(_FEW_PARTS, self._max_bytes // _BYTES_A_PART)
        if parts > most:
            raise self._refusal(f"has {parts} objects and commas, at most {most} are read")
        return content

    def _refusal(self, rule: str) -> InputError:
        return InputError(self._file.name, rule, self._source)

    def _log_of(self, content: bytes) -> Log:
        if content.startswith(_UNREADABLE):
            raise self._refusal("is UTF-32, or UTF-16 without a byte order mark")
        if not content:
            raise self._refusal("is empty")
        try:
            log = decode(Log, _utf8(content))
        except UnicodeDecodeError:
            raise self._refusal("is not UTF-16 text") from None
        except FaultError as fault:
            where = f" at ${fault.path}" if fault.path else ""
            rule = printable(f"is not SARIF: {fault.reason}{where}", _LONGEST)
            raise self._refusal(rule) from None
        if not log.version.startswith("2.1"):
            raise self._refusal(f"is SARIF {log.version[:20]!r}; 2.1.0 is read")
        return log


def _utf8(content: bytes) -> bytes:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode("utf-8", "surrogatepass")
    return content.removeprefix(codecs.BOM_UTF8)


def _chosen(
    choice: Any, default: Callable[[Any], Any], check: Callable[[Any], None]
) -> Callable[[Any], Any]:
    """Return a caller's function, or one that always gives what the caller gave.

    Args:
        choice: What the caller gave; `None` for the default.
        default: The default.
        check: Checks what there is for all, and what a function gives.
    """
    if choice is None:
        return default
    if not callable(choice):
        check(choice)
        return lambda _: choice

    def asked(about: Any) -> Any:
        given = choice(about)
        check(given)
        return given

    return asked


def _check_application(given: Any) -> None:
    if given is not None:
        Rules(given).kind("application", given, Application)


def _check_control(given: Any) -> None:
    if given is not None:
        Rules(given).kind("control", given, Control)


def _check_action(given: Any) -> None:
    Rules(given).member("control_action", given, TechnicalControlAction)


def _first_part(resource: str) -> Application:
    parts = (part for part in resource.split("/") if part not in {"", ".."} and part[-1] != ":")
    name = next(parts, resource)
    return Application(name, encode_reference(name))


def _no_control(_: SarifRule) -> None:
    return None


def _usual_action(rule: SarifRule) -> TechnicalControlAction:
    if rule.security_severity is not None or {"security", "vulnerability"}.intersection(rule.tags):
        return TechnicalControlAction.VULNERABILITY
    return TechnicalControlAction.LOG
