"""AirView's tables, with the lengths and members that PostgreSQL holds them to."""

from collections.abc import Iterable, Mapping

from airview_herald.sandbox._database import Layout

STAGES = ("BUILD", "MONITOR")
APPLICATION_TYPES = ("BUSINESS_APPLICATION", "TECHNICAL_SERVICE", "APPLICATION_SERVICE")
SERVICE_TYPES = (
    *("UNKNOWN", "VIRTUAL_MACHINE", "CONTAINER", "NETWORK", "REPOSITORY"),
    *("PIPELINE", "OBJECT_STORAGE", "DATABASE", "FUNCTION", "STORAGE"),
)
CONTROL_ACTIONS = ("LOG", "INCIDENT", "TASK", "VULNERABILITY")
QUALITY_MODELS = (
    *("LOG_EXCELLENCE", "SECURITY", "RELIABILITY", "PERFORMANCE_EFFICIENCY"),
    *("COST_OPTIMISATION", "PORTABILITY", "USABILITY_AND_COMPATIBILITY"),
)
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
MONITORING_STATES = ("FLAGGED", "MONITORING", "DELETED", "UNRESPONSIVE")
EXCLUSION_STATES = ("NONE", "PENDING", "ACTIVE")

# By table and column, the members of each column that holds those of an enumeration.
MEMBERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "system": {"stage": STAGES},
    "service": {"type": SERVICE_TYPES},
    "control": {"quality_model": QUALITY_MODELS, "severity": SEVERITIES},
    "technical_control": {"control_action": CONTROL_ACTIONS},
    "application": {"application_type": APPLICATION_TYPES},
    "monitored_resource": {"monitoring_state": MONITORING_STATES},
    "exclusion_resource": {"state": EXCLUSION_STATES},
}


def _text(column: str, length: int = 500) -> str:
    return f"{column} TEXT NOT NULL CHECK (length({column}) <= {length})"


def _member(table: str, column: str) -> str:
    return f"{column} TEXT NOT NULL CHECK ({column} IN {MEMBERS[table][column]})"


def _parent(table: str) -> str:
    return f"{table}_id INTEGER REFERENCES {table} (id)"


_ID = "id INTEGER PRIMARY KEY"
_TABLES: Mapping[str, Iterable[str]] = {
    "system": (_ID, _text("name"), _member("system", "stage"), "UNIQUE (name)"),
    "environment": (_ID, _text("name"), _text("abbreviation", 10), "UNIQUE (abbreviation)"),
    "service": (
        _ID,
        _text("name"),
        _text("reference"),
        _member("service", "type"),
        "UNIQUE (reference)",
    ),
    "resource_type": (
        _ID,
        _text("name"),
        _text("reference"),
        _parent("service"),
        "UNIQUE (reference)",
    ),
    "control": (
        _ID,
        _text("name"),
        _member("control", "quality_model"),
        _member("control", "severity"),
    ),
    "resource_type_control": (_ID, _parent("resource_type"), _parent("control")),
    "technical_control": (
        _ID,
        _text("name"),
        _text("reference"),
        _member("technical_control", "control_action"),
        "is_blocking INTEGER NOT NULL",
        "ttl INTEGER",
        _parent("system") + " NOT NULL",
        _parent("control"),
        "UNIQUE (reference, system_id)",
    ),
    "application": (_ID, _text("name"), _member("application", "application_type")),
    "application_environment": (
        _ID,
        _parent("application") + " NOT NULL",
        _parent("environment"),
    ),
    "application_environment_reference": (
        _ID,
        _parent("application_environment") + " NOT NULL",
        _text("type"),
        _text("reference"),
        "UNIQUE (reference, type)",
        "UNIQUE (application_environment_id, type)",
    ),
    "resource": (
        _ID,
        _text("name"),
        _text("reference"),
        _parent("resource_type"),
        _parent("application_environment"),
        "UNIQUE (reference, application_environment_id)",
    ),
    "monitored_resource": (
        _ID,
        _parent("technical_control") + " NOT NULL",
        _parent("resource") + " NOT NULL",
        _member("monitored_resource", "monitoring_state"),
        _text("additional_data", 8000),
        "last_modified TEXT NOT NULL",
        "last_seen TEXT NOT NULL",
    ),
    "framework": (_ID, _text("name"), _text("link")),
    "framework_section": (_ID, _text("name"), _text("link"), _parent("framework")),
    "framework_control_objective": (
        _ID,
        _text("name"),
        _text("link"),
        _parent("framework_section"),
    ),
    "framework_control_objective_link": (
        _parent("framework_control_objective") + " NOT NULL",
        _parent("control") + " NOT NULL",
        "PRIMARY KEY (framework_control_objective_id, control_id)",
    ),
    "exclusion": (
        _ID,
        "summary TEXT NOT NULL",
        "is_limited_exclusion INTEGER NOT NULL",
        _parent("control") + " NOT NULL",
        "end_date TEXT",
        "notes TEXT",
        "status TEXT",
    ),
    # The resources of an exclusion.
    "excluded_resource": (
        _parent("exclusion") + " NOT NULL",
        _parent("resource") + " NOT NULL",
        "PRIMARY KEY (exclusion_id, resource_id)",
    ),
    # The items of the retired routes.
    "exclusion_resource": (
        _ID,
        _parent("technical_control") + " NOT NULL",
        _parent("resource") + " NOT NULL",
        f"state TEXT CHECK (state IN {EXCLUSION_STATES})",
    ),
}
_INDEXES = {
    "control_by_name": "control (name)",
    "monitored_resource_by_pair": "monitored_resource (technical_control_id, resource_id)",
}

AIRVIEW = Layout(
    tuple(_TABLES),
    (
        *(
            f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})"
            for table, columns in _TABLES.items()
        ),
        *(
            f"CREATE INDEX IF NOT EXISTS {index} ON {columns}"
            for index, columns in _INDEXES.items()
        ),
    ),
    booleans=(("technical_control", "is_blocking"), ("exclusion", "is_limited_exclusion")),
)
