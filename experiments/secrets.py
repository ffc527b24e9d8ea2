"""Secrets in addresses and in the environment: what nobody may read in output, logs, files and reports."""

import os
import re
from typing import Any
from urllib.parse import unquote_plus

VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "RAY_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY")
_TELLING = r"[^=&;?\s]*(?:token|passw|pwd|secret|key|sig|auth|cred)[^=&;?\s]*"
_QUERY = re.compile(rf"([?&;]{_TELLING}=)([^&;\s\"'<>#]+)", re.IGNORECASE)
_ACCOUNT = re.compile(r"(://[^/\s:@\"']*):[^/\s\"']+@")
SHORTEST = 4
"""Letters of a secret that is looked for on its own: shorter ones are in every text."""


def masked(text: str) -> str:
    """A text in whose addresses neither passwords nor tokens can be read, nor those of the environment anywhere."""
    for secret in filter(None, map(os.environ.get, VARIABLES)):
        text = text.replace(secret, "***") if len(secret) >= SHORTEST else text
    return _QUERY.sub(r"\1***", _ACCOUNT.sub(r"\1:***@", text))


def redacted(uri: str) -> str:
    """An address without the secrets in it."""
    place, mark, query = uri.partition("?")
    scheme, colon, rest = place.partition("://") if "://" in place else ("", "", place)
    account, at, host = rest.rpartition("@")
    place = f"{scheme}{colon}{account.split(':')[0]}:***@{host}" if at and ":" in account else place
    return masked(place + mark + query)


def without_secrets(text: str, uri: str) -> str:
    """A message in which neither an address, as it is or decoded, nor the secrets in it can be read."""
    place, _, query = uri.partition("?")
    password = place.partition("://")[2].rpartition("@")[0].partition(":")[2]
    secrets = {password, *(found[1] for found in _QUERY.findall(f"?{query}"))}
    text = text.replace(uri, redacted(uri))
    for secret in sorted({*secrets, *map(unquote_plus, secrets)} - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return masked(text)


def holds_secret(value: Any) -> bool:
    """Whether a setting is an address with a secret in it."""
    return isinstance(value, str) and redacted(value) != value
