"""Faults on purpose, the same from the same seed: inside the sandbox, and below HTTP."""

from airview_herald.sandbox.faults._faults import Faults
from airview_herald.sandbox.faults._kinds import FaultKind
from airview_herald.sandbox.faults._passing import ProxyFault
from airview_herald.sandbox.faults._proxy import FaultyProxy

__all__ = ["FaultKind", "Faults", "FaultyProxy", "ProxyFault"]
