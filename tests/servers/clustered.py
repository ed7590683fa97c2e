"""What workers of a cluster import: events, and credentials of their own."""

import json
import os
from pathlib import Path

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
)
from airview_herald.auth import ClientCredentials

_STATES = ("FLAGGED", "MONITORING", "UNRESPONSIVE")
_ENVIRONMENTS = (Environment("Production", "PRD"), Environment("Test", "TST"))


def events(size, first=0):
    """Return events about a fifth as many resources, in 60 applications."""
    return [
        ComplianceEvent(
            f"i-{number // 5}",
            _application(number // 5 % 60),
            _check(number // 5 % 20),
            _STATES[number % 3],
            str(number),
        )
        for number in range(first, first + size)
    ]


def _application(number):
    environment = _ENVIRONMENTS[number % 2]
    return Application(f"Application {number}", f"app-{number}", environment=environment)


def _check(number):
    control = Control(f"Rule {number % 5}", QualityModel.SECURITY)
    return TechnicalControl(f"Check {number}", f"check/{number}", "LOG", control=control)


def kept_credential():
    """Return the credential in the file that the environment names."""
    kept = json.loads(Path(os.environ["CLUSTER_CREDENTIAL"]).read_text())
    return ClientCredentials(kept["token_url"], kept["client_id"], kept["client_secret"])


def set_variables(variables):
    """Set variables of a process's environment; remove those that are `None`."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
