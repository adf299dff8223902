"""The state directory: its lock, the secrets and ports in it, and the endpoints that other commands read."""

import base64
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketplace.embedded.part import StartFailed
from marketplace.embedded.ports import HOST, choose_ports
from marketplace.embedded.processes import MARK, mark

DATABASE = "entrepot"
VAULT_BUCKET = "entrepot-vault"
MEDIA_BUCKET = "entrepot-vault-media"
REGION = "us-east-1"
#: What endpoints.json and secrets.json say must not be overruled by what happens to be set in the caller's shell.
_OWN_NAMES = {
    "BROKER_URL",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "ENCRYPTION_KEYS",
    "PUBLIC_URL",
    "SECRET_KEY",
}
_FOREIGN_PREFIXES = ("AWS_", "CELERY_", "ENTREPOT_", "GRANIAN_", "PG", "S3_", "WEED_")


class StateDirectory:
    """A directory that holds one installation: its data, logs, secrets and the addresses of its parts."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.logs.mkdir(exist_ok=True, mode=0o700)
        self.ports: dict[str, int] = {}
        self.passwords: dict[str, str] = {}
        self._lock_fd = -1

    def lock(self) -> None:
        """Hold the directory until this process ends; refuse when a living `up` holds it."""
        self._lock_fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock_fd, 20, 0).decode().strip()
            raise StartFailed(f"{self.path} is in use by a running `manage.py up` (pid {holder}).") from None
        os.truncate(self._lock_fd, 0)
        os.pwrite(self._lock_fd, str(os.getpid()).encode(), 0)

    def prepare(self) -> None:
        """Choose ports and passwords, and create the secrets, unless a former start did."""
        known = self._read("parts.json")
        self.ports = choose_ports(known.get("ports", {}))
        fresh = {
            "postgres": secrets.token_urlsafe(24),
            "database": secrets.token_urlsafe(24),
            "valkey": secrets.token_urlsafe(24),
            "s3_access_key_id": "EMBEDDED" + secrets.token_hex(6).upper(),
            "s3_secret_access_key": secrets.token_urlsafe(30),
            "s3_encryption": secrets.token_urlsafe(30),
        }
        self.passwords = fresh | known.get("passwords", {})
        self.write("parts.json", {"ports": self.ports, "passwords": self.passwords})
        if not (self.path / "secrets.json").exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            self.write("secrets.json", {"secret_key": secrets.token_urlsafe(64), "encryption_keys": f"k1:{key}"})

    def database_url(self) -> str:
        """Return the URL by which the application reaches its database."""
        return f"postgresql://{DATABASE}:{self.passwords['database']}@{HOST}:{self.ports['postgres']}/{DATABASE}"

    def superuser_url(self) -> str:
        """Return the URL of the superuser, for creating the database and its owner."""
        return f"postgresql://postgres:{self.passwords['postgres']}@{HOST}:{self.ports['postgres']}/postgres"

    def write_endpoints(self, url: str) -> None:
        """Write the addresses and credentials that every command finds through ENTREPOT_STATE."""
        endpoints = {
            "url": url,
            "database_url": self.database_url(),
            "broker_url": f"redis://:{self.passwords['valkey']}@{HOST}:{self.ports['valkey']}/0",
            "s3": {
                "endpoint_url": f"http://{HOST}:{self.ports['store_s3']}",
                "region": REGION,
                "access_key_id": self.passwords["s3_access_key_id"],
                "secret_access_key": self.passwords["s3_secret_access_key"],
                "vault_bucket": VAULT_BUCKET,
            },
        }
        self.write("endpoints.json", endpoints)

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """Return the environment of a child: ours without what belongs to other programs, and its mark."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in _OWN_NAMES and not key.startswith(_FOREIGN_PREFIXES)
        }
        return kept | {MARK: mark(self.path, name)} | more

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace a JSON file atomically; only the owner may read it."""
        self.write_text(name, json.dumps(content, indent=2) + "\n")

    def write_text(self, name: str, content: str) -> None:
        """Replace a file atomically; only the owner may read it."""
        with tempfile.NamedTemporaryFile("w", dir=self.path, prefix=".new-", delete=False) as file:  # mode 0600
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, self.path / name)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        return content
