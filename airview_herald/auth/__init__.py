"""Credentials: every provider is an `httpx.Auth`, usable with any httpx client too."""

from airview_herald._secret import Secret
from airview_herald.auth._aims import AimsAuth
from airview_herald.auth._azure_credential import AccessToken, AzureCredential, TokenCredential
from airview_herald.auth._bearer import BearerToken
from airview_herald.auth._client_credentials import ClientCredentials

__all__ = [
    "AccessToken",
    "AimsAuth",
    "AzureCredential",
    "BearerToken",
    "ClientCredentials",
    "Secret",
    "TokenCredential",
]
