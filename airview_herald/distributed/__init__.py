"""Batches on a Dask cluster, behind the extra `dask`."""

from airview_herald.distributed._ingest import ingest
from airview_herald.distributed._report import ClusterReport
from airview_herald.distributed._settings import ServerSettings

__all__ = ["ClusterReport", "ServerSettings", "ingest"]
