"""The production settings with one more address."""

from marketplace.settings.main import *  # noqa: F403

ROOT_URLCONF = "bench.peer.urls"
