"""From AirView to Herald: people are told of grave findings that are new in a run."""

from airview_herald.escalation._alerts import Alert, describe, is_grave
from airview_herald.escalation._escalation import Escalation, escalate

__all__ = ["Alert", "Escalation", "describe", "escalate", "is_grave"]
