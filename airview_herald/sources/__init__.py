"""Compliance events from files: JSON Lines, and the SARIF that scanners write.

A source is an iterable of `ComplianceEvent`. It reads its file while it is iterated, so it is
`blocking`: iterate it in a worker thread when an event loop is running.
"""

from airview_herald.sources.jsonl import JsonLines, read_jsonl, write_jsonl
from airview_herald.sources.problems import SourceProblem
from airview_herald.sources.references import decode_reference, encode_reference
from airview_herald.sources.sarif import SarifEvents, SarifRule, read_sarif

__all__ = [
    "JsonLines",
    "SarifEvents",
    "SarifRule",
    "SourceProblem",
    "decode_reference",
    "encode_reference",
    "read_jsonl",
    "read_sarif",
    "write_jsonl",
]
