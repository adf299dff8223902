"""Reads the environment: the only module that does, and it refuses a bad value with a sentence."""

import base64
import binascii
import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def state_values(state: str) -> dict[str, str]:
    """Return what DIR/endpoints.json and DIR/secrets.json say, under the names of the environment.

    `manage.py up --state DIR` writes both files; with ENTREPOT_STATE=DIR every command finds the same parts.
    """
    directory = Path(state)
    values: dict[str, str] = {}
    secrets = directory / "secrets.json"
    if secrets.exists():
        if secrets.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ImproperlyConfigured(f"{secrets} can be read by others; run: chmod 600 {secrets}")
        content = json.loads(secrets.read_text())
        values |= {"SECRET_KEY": content["secret_key"], "ENCRYPTION_KEYS": content["encryption_keys"]}
    endpoints = directory / "endpoints.json"
    if endpoints.exists():
        content = json.loads(endpoints.read_text())
        store = content["s3"]
        values |= {
            "PUBLIC_URL": content["url"],
            "DATABASE_URL": content["database_url"],
            "BROKER_URL": content["broker_url"],
            "S3_ENDPOINT_URL": store["endpoint_url"],
            "S3_REGION": store["region"],
            "S3_ACCESS_KEY_ID": store["access_key_id"],
            "S3_SECRET_ACCESS_KEY": store["secret_access_key"],
            "S3_VAULT_BUCKET": store["vault_bucket"],
            "EGRESS_ALLOWLIST": urlsplit(store["endpoint_url"]).netloc,
            "CACHE_DIRECTORY": str(directory / "cache"),
            "INSECURE_TRANSPORT": "yes",
        }
    return values


class Environment:
    """Values by name: the process environment first, then the state directory of an embedded start."""

    def __init__(self) -> None:
        state = os.environ.get("ENTREPOT_STATE", "")
        self._values: dict[str, str] = state_values(state) | dict(os.environ)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a value that may not be empty unless a default is given."""
        value = self._values.get(name, "")
        if value:
            return value
        if default is None:
            raise ImproperlyConfigured(
                f"{name} is not set. Set it, or set ENTREPOT_STATE to the directory of a running `manage.py up`."
            )
        return default

    def flag(self, name: str) -> bool:
        """Return True for yes, False for no or unset; refuse anything else."""
        value = self.text(name, "no").lower()
        if value not in {"yes", "no"}:
            raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")
        return value == "yes"

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of some words; refuse anything else."""
        value = self.text(name, default).lower()
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within [least, most]."""
        value = self.text(name, str(default))
        if not value.isdigit() or not least <= int(value) <= most:
            raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
        return int(value)

    def words(self, name: str, default: str = "") -> list[str]:
        """Return a comma-separated list without empty entries."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def url(self, name: str, default: str | None = None) -> str:
        """Return an http(s) URL without a trailing slash."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must be an http or https URL, not {value!r}.")
        return value.rstrip("/")

    def quotas(self, name: str, defaults: dict[str, int]) -> dict[str, int]:
        """Return the defaults with those values that a JSON object names; refuse unknown names and values below 1."""
        text = self.text(name, "{}")
        try:
            changes = json.loads(text)
        except ValueError:
            changes = None
        if not isinstance(changes, dict):
            raise ImproperlyConfigured(f'{name} must be a JSON object such as {{"Products per account": 100}}.')
        for limit, value in changes.items():
            if limit not in defaults:
                raise ImproperlyConfigured(f"{name}: {limit!r} is no quota. Known: {', '.join(defaults)}.")
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ImproperlyConfigured(f"{name}: {limit!r} must be a whole number from 1.")
        return defaults | changes

    def database(self, name: str, role_settings: str) -> dict[str, Any]:
        """Return Django's DATABASES entry for a postgresql:// URL, with a psycopg pool."""
        value = self.text(name)
        parts = urlsplit(value)
        if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
            raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host:5432/database.")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.strip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),  # %2Frun%2Fpostgresql names a socket directory
            "PORT": str(parts.port or 5432),
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                # The pool makes a page 6 to 7 times cheaper than a connection of its own; jit costs rare searches 10x.
                "pool": {
                    "min_size": 1,
                    "max_size": self.number("DATABASE_POOL_SIZE", 8, least=2, most=100),
                    "timeout": 10,
                },
                "connect_timeout": 10,
                "options": role_settings,
            },
        }

    def encryption_keys(self, name: str) -> dict[str, bytes]:
        """Return {kid: 32 bytes}, newest first, from `kid:base64,kid:base64`."""
        keys: dict[str, bytes] = {}
        for entry in self.text(name).split(","):
            kid, _, encoded = entry.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not re.fullmatch(r"[a-z0-9-]{1,32}", kid) or len(key) != 32:
                raise ImproperlyConfigured(f"{name} must be `kid:base64 of 32 bytes`, newest first, comma-separated.")
            keys[kid] = key
        return keys
