"""The account of a soak: what clients were told, against the rows of the server."""

import json
from collections import Counter, defaultdict

NOTHING = "nothing"


class Account:
    """Takes the lines of ledgers, and says what does not add up.

    A lane is an application, a technical control and a resource; the events of one are numbered,
    and a number is an event's `additional_data`.

    Attributes:
        problems: What did not add up so far, in words.
        totals: How much there was of everything.
        samples: What each process held, by its event loop.
        held: What it held before and after all traffic, likewise.
        quiet: The event loops whose traffic has ended.
    """

    def __init__(self):
        self.problems = []
        self.totals = Counter()
        self.outcomes = Counter()
        self.samples = defaultdict(list)
        self.held = {}
        self.quiet = set()
        self._fates = defaultdict(lambda: defaultdict(set))
        self._batches = {}
        self._submitted = Counter()
        self._marks = defaultdict(dict)
        self._saved = defaultdict(list)

    def take(self, line):
        """Take in a line."""
        facts = {name: value for name, value in line.items() if name not in {"kind", "time"}}
        getattr(self, f"_take_{line['kind']}")(**facts)

    def _take_count(self, name, more=1):
        self.totals[name] += more

    def _take_trouble(self, text):
        self.problems.append(text)

    def _take_sample(self, loop, **held):
        self.samples[loop].append(held)

    def _take_held(self, loop, before, after):
        self.held[loop] = {"before": before, "after": after}

    def _take_quiet(self, loop):
        self.quiet.add(loop)

    def _take_single(self, lane, serial, fate):
        self.totals["single events"] += 1
        self.outcomes[fate] += 1
        self._fates[lane][serial].add(fate)

    def _take_mark(self, table, mark, fate):
        self.totals[f"{table}s"] += 1
        if mark in self._marks[table]:
            self.problems.append(f"{table} {mark} was sent twice")
        self._marks[table][mark] = fate

    def _take_save(self, place, body, status, served):
        """Note a save that was carried out."""
        if 204 in {status, served}:
            self._saved[place].append(int(json.loads(body)["additionalData"]))

    def _take_batch(self, batch, events):
        self.totals["batches"] += 1
        self._batches[batch] = [(lane, serial) for lane, serial in events]

    def _take_run(self, batch, told, unknown, report, end):
        """Close the account of one run of a batch: each event has one outcome in it."""
        events = self._batches[batch]
        self.totals["runs"] += 1
        self.totals[f"runs {end}"] += 1
        self.totals["requests of batches"] += report["requests"]
        counts = Counter(fate for _, fate, _ in told)
        indices = {index for index, _, _ in told}
        here = f"{batch}, a run that was {end}"
        if len(indices) < len(told):
            self.problems.append(f"{here}: an event was told of twice")
        if end == "complete" and indices != set(range(len(events))):
            self.problems.append(f"{here}: {len(events) - len(indices)} events have no outcome")
        left = set(unknown) - indices
        counts["unknown"] += len(left)
        rest = report["inputs"] - len(indices) - len(left)
        passed_over = report["not_attempted"] + report["skipped"]
        told_so = counts["not_attempted"] + counts["skipped"]
        for name in ("recorded", "failed", "unknown"):
            if counts[name] != report[name]:
                self.problems.append(f"{here}: {counts[name]} {name}, reported {report[name]}")
        if passed_over - told_so != rest:
            self.problems.append(f"{here}: {rest} events left over, reported {passed_over}")
        more = report["inputs"] - self._submitted[batch]
        if more > 0:
            self._submitted[batch] += more
            self.totals["events"] += more
        self._enter(here, events, told, left)

    def _enter(self, here, events, told, left):
        for index in left:
            self._fate(events[index], "unknown")
        for index, fate, _ in told:
            if fate != "skipped":
                self._fate(events[index], fate)
        for index, fate, newer in told:
            if fate == "skipped" and not self._has_reason(events, index, newer):
                self.problems.append(f"{here}: {events[index]} is skipped for no reason")
        self.outcomes.update(fate for _, fate, _ in told)
        self.outcomes["unknown"] += len(left)

    def _fate(self, event, fate):
        lane, serial = event
        if lane is not None:
            self._fates[lane][serial].add(fate)

    def _has_reason(self, events, index, newer):
        """Whether an event is done with, or a newer one of its lane is."""
        lane, serial = events[index]
        if lane is None:
            return True
        if newer is not None:
            return events[newer][0] == lane and events[newer][1] > serial
        fates = self._fates[lane]
        done = {"recorded", "failed"} & fates.get(serial, set())
        return bool(done) or any("recorded" in fates[each] for each in fates if each > serial)

    def compare(self, snapshot):
        """Note where rows are not what outcomes say, before letters are sent again."""
        self._compare_saves(snapshot)
        rows = _rows(snapshot)
        for lane, fates in self._fates.items():
            last = max((each for each in fates if "recorded" in fates[each]), default=-1)
            may_be = {each for each in fates if each > last and "unknown" in fates[each]}
            may_be.add(NOTHING if last < 0 else last)
            self._compare_lane(lane, rows.pop(lane, []), may_be)
        self.problems += [f"{lane} has a row and no event" for lane in rows]

    def _compare_saves(self, snapshot):
        """Note events that were saved too late, or told to be surely not recorded."""
        lanes = _lanes(snapshot)
        for place, saved in self._saved.items():
            self.problems += [f"{lanes[place]}: {words}" for words in _too_late(saved)]
            fates = self._fates[lanes[place]]
            for serial in set(saved):
                if not {"recorded", "unknown"} & fates[serial]:
                    self.problems.append(f"{lanes[place]} {serial} was saved: {fates[serial]}")

    def compare_last(self, snapshot):
        """Note where rows are not the last event of their lane, or what is sent once is not once.

        That is once letters were sent again: of batches, every event has come to its end.
        """
        rows = _rows(snapshot)
        for lane, serial in self._last_of_batches().items():
            self._compare_lane(lane, rows.get(lane, []), {serial})
        self._compare_marks(snapshot)

    def _last_of_batches(self):
        last = {}
        for batch, events in self._batches.items():
            for lane, serial in events[: self._submitted[batch]]:
                if lane is not None:
                    last[lane] = max(serial, last.get(lane, serial))
        return last

    def _compare_lane(self, lane, found, may_be):
        if len(found) > 1:
            self.problems.append(f"{lane} has {len(found)} rows: {sorted(found)}")
        elif (found or [NOTHING])[0] not in may_be:
            wanted = " or ".join(sorted(map(str, may_be)))
            self.problems.append(f"{lane} has {(found or [NOTHING])[0]}, not {wanted}")

    def _compare_marks(self, snapshot):
        """Hold what is sent once to its rows: one if confirmed, none if refused."""
        for table, read in _MARKS.items():
            counts = Counter(map(read, snapshot[table]))
            for mark, fate in self._marks[table].items():
                wanted = {"confirmed": {1}, "refused": {0}, "gone": {0}}.get(fate, {0, 1})
                if counts[mark] not in wanted:
                    self.problems.append(f"{table} {mark} is {fate} and has {counts[mark]} rows")
            if foreign := counts.keys() - self._marks[table].keys():
                self.problems.append(f"{table}s that nobody sent: {sorted(foreign)}")


_MARKS = {
    "exclusion": lambda row: row["summary"],
    "notification": lambda row: row["payload"]["mark"],
    "subscription": lambda row: row["name"],
}


def _too_late(saved):
    """Return which saves of a lane came after newer ones, in words.

    One may if the newest is saved once more after it: of events that are coalesced all are sent
    again, in their order, when the newest is in doubt.
    """
    newest = 0
    for number, serial in enumerate(saved):
        if serial < newest and newest not in saved[number:]:
            yield f"{serial} was saved after {newest}"
        newest = max(newest, serial)


def _rows(snapshot):
    """Return what is recorded: the numbers of the events by lane."""
    lanes = _lanes(snapshot)
    found = defaultdict(list)
    for row in snapshot["monitored_resource"]:
        place = _place(row["technical_control_id"], row["resource_id"])
        found[lanes[place]].append(int(row["additional_data"]))
    return found


def _lanes(snapshot):
    """Return what the lanes are called that have rows, by their places."""
    applications = {
        row["application_environment_id"]: row["reference"]
        for row in snapshot["application_environment_reference"]
    }
    checks = {row["id"]: row["reference"] for row in snapshot["technical_control"]}
    resources = {row["id"]: row for row in snapshot["resource"]}
    lanes = {}
    for row in snapshot["monitored_resource"]:
        resource = resources[row["resource_id"]]
        application = applications[resource["application_environment_id"]]
        check = checks[row["technical_control_id"]]
        place = _place(row["technical_control_id"], row["resource_id"])
        lanes[place] = lane_name(application, check, resource["reference"])
    return lanes


def _place(technical_control_id, resource_id):
    return f"technicalControlId={technical_control_id}&resourceId={resource_id}"


def lane_name(application, technical_control, resource):
    """Return what a lane is called."""
    return f"{application} {technical_control} {resource}"
