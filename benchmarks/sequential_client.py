"""The documented client's requests, one after another, with `requests` and nothing around it.

An event is 5 requests once all is there: environments, application, technical control, resource,
save; and 6 when its resource is new. Only the system's id is kept. It opens one connection and
keeps it, and looks at each answer's status.
"""

from __future__ import annotations

from typing import Any

import requests


class SequentialClient:
    """Record events as the documented client does.

    Args:
        url: Where the API is.
        headers: Headers of every request.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(headers)
        self._system_id: int | None = None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def handle_compliance_event(self, event: Any) -> None:
        """Record one event."""
        application = event.application
        environment_id = self._environment(application.environment)
        placed = self._application(application, environment_id)
        control_id = self._technical_control(event.technical_control)
        resource_id = self._resource(event.resource_reference, placed)
        self._call(
            "PUT",
            "/monitored-resources/",
            {"technicalControlId": control_id, "resourceId": resource_id},
            {"monitoringState": event.status, "additionalData": event.additional_data},
        )

    def _environment(self, environment: Any) -> Any:
        for row in self._call("GET", "/environments/"):
            if row["abbreviation"] == environment.abbreviation:
                return row["id"]
        body = {"name": environment.name, "abbreviation": environment.abbreviation}
        return self._call("POST", "/environments/", body=body)["id"]

    def _application(self, application: Any, environment_id: int) -> Any:
        key = {"type": "account", "reference": application.reference}
        found = self._call("GET", "/referenced-application-environments/", key)
        if found is not None:
            return found["id"]
        body = {"name": application.name, "applicationType": application.type}
        made = self._call("POST", "/applications/", body=body)
        placed = {
            "applicationId": made["id"],
            "environmentId": environment_id,
            "references": [key],
        }
        return self._call("POST", "/application-environments/", body=placed)["id"]

    def _system(self) -> int:
        if self._system_id is None:
            found = self._call("GET", "/systems/", {"name": "benchmark"})
            if found is None:
                body = {"name": "benchmark", "stage": "MONITOR"}
                found = self._call("POST", "/systems/", body=body)
            self._system_id = int(found["id"])
        return self._system_id

    def _technical_control(self, control: Any) -> Any:
        key = {"systemId": self._system(), "reference": control.reference}
        found = self._call("GET", "/technical-controls/", key)
        if found:
            return found[0]["id"]
        body = {"name": control.name, "controlAction": control.control_action, **key}
        return self._call("POST", "/technical-controls/", body=body)["id"]

    def _resource(self, reference: str, placed: int) -> Any:
        key = {"applicationEnvironmentId": placed, "reference": reference}
        found = self._call("GET", "/resources/", key)
        if found is None:
            found = self._call("POST", "/resources/", body={"name": reference, **key})
        return found["id"]

    def _call(self, method: str, path: str, query: Any = None, body: Any = None) -> Any:
        """Return the decoded answer; `None` for a 404 and for no content."""
        response = self._session.request(
            method, self._url + path, params=query, json=body, timeout=30
        )
        if response.status_code in {204, 404}:
            return None
        response.raise_for_status()
        return response.json()
