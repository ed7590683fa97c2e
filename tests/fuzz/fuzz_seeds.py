"""What inputs are made from: what services and tools write, in which every field is there."""

import gzip
import json
import sqlite3
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_answers import AIRVIEW, HERALD, TOKEN

from airview_herald.airview._config import BackendConfig
from airview_herald.airview._event_lines import encode, encode_letter
from airview_herald.airview._known_ids import Ids
from airview_herald.airview._positions import Open, Step
from airview_herald.airview._state import StateFile
from airview_herald.airview.models import Application, ComplianceEvent, Control, TechnicalControl

# Every field that a route of AirView's answers: each takes its own.
_AIRVIEW_ROW = json.loads("""{
    "id": 1, "name": "a", "stage": "MONITOR", "abbreviation": "PRD", "reference": "r",
    "applicationEnvironmentId": 2, "resourceTypeId": 3, "serviceId": 4, "type": "VIRTUAL",
    "qualityModel": "SECURITY", "severity": "HIGH", "controlAction": "LOG", "systemId": 1,
    "ttl": 60, "isBlocking": false, "controlId": 9, "link": "https://example.com",
    "frameworkId": 1, "frameworkSectionId": 2, "frameworkControlObjectiveId": 1,
    "applicationType": "SERVICE", "systemName": "ccf", "systemStage": "BUILD",
    "applied": 3, "exempt": 0, "status": "FLAGGED", "pending": false,
    "environment": {"id": 3, "name": "Production", "abbreviation": "PRD"},
    "total": 4, "high": 1, "medium": 2, "low": 3, "isCompliant": 1,
    "application": {"id": 5, "name": "Payments", "applicationType": "BUSINESS_APPLICATION"},
    "references": [{"type": "aws_account_id", "reference": "123"}],
    "applicationReferences": [{"type": "aws_account_id", "reference": "123"}],
    "technicalControlName": "t", "technicalControlReference": "t", "controlName": "c",
    "applicationName": "a", "environmentName": "Production", "resourceReference": "i-1",
    "raisedDateTime": "2026-01-31T12:00:00+00:00", "resources": [{"id": 1, "name": "i-1"}],
    "excluded": 0, "controlSeverity": "LOW", "state": "PENDING"
}""")
# Likewise of Herald's.
_HERALD_ROW = json.loads("""{
    "id": "n", "account_id": 1, "type": "incidents/alerts", "status": "\\"published\\"",
    "notification_data": {"class": "recon", "attackers": ["10.0.0.1"], "threat_level": "high"},
    "asset_data": {"deployment_id": "d", "tags": [{"env": "prod"}], "tag_keys": [{"env": "x"}]},
    "payload": {"cid": 1, "class": "recon", "incident_id": 7, "create_date": "today"},
    "attachments": [{"name": "a.txt", "url": "https://example.com/a"}],
    "created": {"at": 1700000000.5, "by": 17}, "modified": {"at": 1700000000, "by": "System"},
    "name": "x", "class": "event", "active": "true", "notification_type": "incidents/alerts",
    "subscribers": [{"subscriber": 12, "subscriber_type": "\\"user\\"", "id": "s"}],
    "subscriber": 12, "subscriber_type": "user", "display_name": "d", "subscription_id": 5,
    "subscriber_count": 1, "filters": {"and": [{"=": ["type", "x"]}]}, "external_id": 1,
    "options": {"email_subject": false, "include_attachments": true, "more": {"a": [1]}},
    "suppression_interval": 60, "last_notification": 1.7e9, "template": "\\"t\\"",
    "subscribers_failed": [{"subscriber": "s", "error": "not_found", "details": ["no user"]}],
    "statuses": [{"destination": "a@example.com", "status": "DELIVRD", "sent_at": 1.7e9}],
    "integration_statuses": {
        "type": "webhook", "status": "SENT", "queue_data": {"id": 1, "config": {"type": "x"}},
        "integration_response": {"code": "200", "body": "ok"}
    },
    "templates": ["a"], "default_email_subject": "s", "rawbody": "ok", "code": 200,
    "target_url": "https://example.com/hook", "header": {"X-Key": "k"}
}""")
_LISTS = ("notifications", "subscriptions", "subscribers", "notification_types", "integrations")
_LOGIN = b"""{"authentication": {
    "user": {"id": "u", "account_id": "12345678"}, "account": {"id": "12345678", "name": "a"},
    "token": "eyJhbGciOi.planted.answer", "token_expiration": 2000000000
}}""".replace(b"\n", b"")
_OAUTH = b'{"access_token": "eyJhbGciOi.planted.answer", "expires_in": 3600, "scope": "x"}'
_REPORT = b"""{"version": "2.1.0", "runs": [{
    "tool": {
        "driver": {"name": "ruff", "rules": [{
            "id": "S101", "name": "assert", "helpUri": "https://example.com",
            "shortDescription": {"text": "Use of assert"},
            "messageStrings": {"default": {"text": "Use of {0}"}},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["security"], "security-severity": "7.5"}
        }]},
        "extensions": [{"name": "x", "rules": [{"id": "S101"}]}]
    },
    "results": [
        {
            "ruleId": "S101", "ruleIndex": 0, "kind": "fail", "level": "warning",
            "rule": {"id": "S101", "index": 0, "toolComponent": {"index": 0, "name": "x"}},
            "message": {"id": "default", "arguments": ["assert"]},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "ROOT", "index": 0},
                    "region": {"startLine": 3, "startColumn": 5}
                },
                "logicalLocations": [{"name": "f", "fullyQualifiedName": "m.f", "index": 0}]
            }],
            "analysisTarget": {"uri": "file:///repo/src/a.py"},
            "suppressions": [{"status": "rejected"}], "baselineState": "new"
        },
        {"ruleId": "S101", "kind": "pass", "message": {"text": "fine"}, "locations": []}
    ],
    "artifacts": [{"location": {"uri": "src/a.py"}}],
    "logicalLocations": [{"fullyQualifiedName": "m.f"}],
    "originalUriBaseIds": {"ROOT": {"uri": "file:///repo/", "uriBaseId": "TOP"}},
    "invocations": [{"executionSuccessful": false}]
}]}""".replace(b"\n", b"")
_EVENT = ComplianceEvent(
    "i-1",
    Application("Payments", "payments"),
    TechnicalControl("Check", "check", "LOG", ttl=60, control=Control("c", "SECURITY")),
    "FLAGGED",
    "12:5 Use of assert",
)
_LETTER = json.loads("""{
    "index": 0, "run": "r", "outcome": "failed", "stage": "save", "attempts": 2,
    "error": {"class": "BadRequestError", "message": "no", "status": 400, "ambiguous": false}
}""")
_PROFILES = b"""[default]
access_key_id = planted-key-id-0001
secret_key = planted-secret-key%with(signs)s
account_id = 12345678
global_endpoint: production

[other]
access_key_id = planted-key-id-0002
secret_key = planted-secret-key-0002
global_endpoint = https://herald.example.com
residency = emea
===
{"herald": "https://herald.example.com", "aims": "https://aims.example.com"}"""
_HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n[1,\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 No Content\r\nSet-Cookie: a=b\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"[]"),
)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _states() -> tuple[bytes, bytes]:
    """Return a file of state, and its rows."""
    config = BackendConfig("https://airview.example.com", None, "ccf", "MONITOR", "aws_account_id")
    row = b'{"name":"Payments","reference":"payments","id":1,"application_environment_id":2}'
    ids = Ids(1, 0.5, [("application", 2, row.decode())], [(7, 2, "i-1")], [("application", 2)], 1)
    step = Step(reached=(3, "00" * 16), blocks=[(0, "00" * 16)])
    step.opened.append(Open(1, "print", "lane", doubtful=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state.db")
        file = StateFile.open(str(path), config, restart=False)
        file.write(step, ids)
        file.close(settled=True, finished=False)
        connection = sqlite3.connect(path)
        names = ("run", "block", "open", "definition", "resource")
        tables = {
            name: [list(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608
            for name in names
        }
        connection.close()
        return path.read_bytes(), _json(tables)


@cache
def seeds() -> dict[str, tuple[bytes, ...]]:
    """Return inputs of every target that are as they should be."""
    bare_row = {name: _AIRVIEW_ROW[name] for name in ("id", "name", "link", "reference")}
    state, tables = _states()
    # As PHP and .NET write JSON.
    escaped = TOKEN.replace("/", "\\/").replace("+", "\\u002B").encode()
    repeated = _json({"code": 400, "status": "Bad Request", "message": f"Bearer {TOKEN}"})
    page = _json({"notifications": [_HERALD_ROW], "continuation_id": "c1", "total_count": 2})
    return {
        "airview_replies": tuple(
            bytes([index]) + _json(value)
            for index in range(len(AIRVIEW))
            for value in (_AIRVIEW_ROW, [_AIRVIEW_ROW, bare_row])
        ),
        "herald_replies": tuple(
            bytes([index]) + _json(value)
            for index in range(len(HERALD))
            for value in (
                _HERALD_ROW,
                {name: [_HERALD_ROW] for name in _LISTS} | {"continuation_id": "c"},
                [_HERALD_ROW],
            )
        ),
        "refusals": (
            b"\4" + _json({"code": 400, "status": "Bad Request", "message": "no", "errors": {}}),
            b"\4" + _json("Bad Request"),
            b"\x09" + _json({"code": 422, "status": "Unprocessable Entity", "errors": {"a": 1}}),
            b"\4" + _json({"error": "invalid_request", "details": "x", "path": "a.b"}),
            b"\4" + _json({"subscribers_failed": ["a"], "unprocessed_items": ["a"]}),
            b"\x0c<html>Bad gateway</html>",
        ),
        "retry_after_headers": (b"120", b" 0 ", b"Wed, 21 Oct 2026 07:28:00 GMT", b"1e3"),
        "bodies": (
            b"gzip\n" + gzip.compress(b"[]" * 50, mtime=0),
            b"deflate, gzip\n" + gzip.compress(zlib.compress(b"[]"), mtime=0),
            b"deflate\n" + zlib.compress(b"[]")[2:-4],
            b"gzip\n" + gzip.compress(bytes(150_000), mtime=0),
            b"identity\n[]",
        ),
        "heads": tuple(b"\x10" + head for head in _HEADS),
        "pages": (
            b"bm90IGEgdG9rZW4=\n" + page + b"\n" + page.replace(b'"c1"', b'"c2"'),
            b"WyJiNjRlYjQyODRiNmJiYzZkOTJjZGMyZmM5ZDkxZjhmMSIsIG51bGwsICJuIl0=\n" + page,
            b"\n" + page + b"\n" + _json({"notifications": []}),
        ),
        "clients": (
            b"\4content-type: application/json\nretry-after: 3\nx-request-id: 1\n\n" + repeated,
            b"\0content-type: application/json\n\n" + _json([_AIRVIEW_ROW]),
            b"\x0dcontent-encoding: gzip\n\n" + gzip.compress(repeated, mtime=0),
            b"\4\n\n" + repeated.replace(TOKEN.encode(), escaped),
            b"\3location: https://elsewhere.example\n\n",
        ),
        "oauth_replies": (
            b"\0" + _OAUTH,
            b"\1" + _json({"error": "invalid_client", "error_description": "no planted-s3cret"}),
        ),
        "aims_replies": (
            b"\0" + _LOGIN,
            b"\2" + _json({"error": "mfa_code_required"}) + b"\n\0" + _LOGIN,
        ),
        "endpoints_answers": (
            _json({"herald": "api.cloudinsight.alertlogic.com", "account": {"id": "12345678"}}),
            _json({"herald": "https://herald.alertlogic.co.uk:443/"}),
        ),
        "jsonl_files": (
            encode(_EVENT) + b"\n" + encode(_EVENT),
            encode_letter(_EVENT, _LETTER) + encode_letter(object(), _LETTER),
        ),
        "sarif_reports": (_REPORT,),
        "settings_files": (_PROFILES,),
        "dead_letter_files": (
            encode_letter(_EVENT, _LETTER) * 2,
            encode_letter(object(), {**_LETTER, "reconciled": True}) + b'{"dead_letter":{"supers',
        ),
        "state_files": (state,),
        "state_tables": (tables,),
    }
