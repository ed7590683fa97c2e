"""The rows of a sandbox's AirView by what they are called: ids depend on the order of requests."""

from collections import Counter

_PARENTS = {
    "application_id": "application",
    "application_environment_id": "application_environment",
    "control_id": "control",
    "environment_id": "environment",
    "framework_control_objective_id": "framework_control_objective",
    "framework_id": "framework",
    "framework_section_id": "framework_section",
    "resource_id": "resource",
    "resource_type_id": "resource_type",
    "service_id": "service",
    "system_id": "system",
    "technical_control_id": "technical_control",
}
# Columns that change with every write.
_TIMES = {"last_modified", "last_seen"}
_TABLES = (*sorted(set(_PARENTS.values())), "monitored_resource", "resource_type_control")


def natural_rows(snapshot):
    """Count equal rows by table, with parents in the place of their ids.

    Args:
        snapshot: What `Sandbox.snapshot` returned.
    """
    by_id = {table: {row["id"]: row for row in snapshot[table]} for table in _TABLES}
    references = {}
    for row in snapshot["application_environment_reference"]:
        own = references.setdefault(row["application_environment_id"], [])
        own.append((row["type"], row["reference"]))

    def named(table, row):
        columns = {
            column: value
            if column not in _PARENTS or value is None
            else named(_PARENTS[column], by_id[_PARENTS[column]][value])
            for column, value in row.items()
            if column != "id" and column not in _TIMES
        }
        if table == "application_environment":
            columns["references"] = tuple(sorted(references.get(row["id"], ())))
        return tuple(sorted(columns.items(), key=lambda item: item[0]))

    return {table: Counter(named(table, row) for row in by_id[table].values()) for table in _TABLES}
