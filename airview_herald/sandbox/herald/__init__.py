"""Herald, AIMS and the Endpoints service on this machine, beside AirView in one sandbox."""

from airview_herald.sandbox.herald._sandbox import HeraldSandbox
from airview_herald.sandbox.herald._switches import Switches

__all__ = ["HeraldSandbox", "Switches"]
