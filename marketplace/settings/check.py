"""Settings for tools that read the code and never connect: mypy, makemigrations --check, check --deploy."""

import os

_STAND_INS = {
    "SECRET_KEY": "only-for-static-checks-" + "0123456789abcdef" * 4,
    "PUBLIC_URL": "https://entrepot.example",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "S3_ENDPOINT_URL": "https://s3.example",
    "S3_ACCESS_KEY_ID": "none",
    "S3_SECRET_ACCESS_KEY": "none",
    "S3_VAULT_BUCKET": "vault",
    "ENCRYPTION_KEYS": "check:" + "A" * 43 + "=",
}
for _name, _value in _STAND_INS.items():
    os.environ.setdefault(_name, _value)

from marketplace.settings.main import *  # noqa: E402, F403

# Nothing connects, so nothing should keep trying to in the background.
DATABASES["default"]["OPTIONS"].pop("pool", None)  # noqa: F405
