"""From AirView to Herald: what became FLAGGED in a run, and is grave, is told to people."""

from airview_herald.escalation._alerts import Alert, describe, is_grave
from airview_herald.escalation._escalation import Escalation, escalate

__all__ = ["Alert", "Escalation", "describe", "escalate", "is_grave"]
