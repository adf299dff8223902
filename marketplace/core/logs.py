"""Log lines: a constant message with fields. No secret, no signed URL, no row of data."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_bound: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields to every line that is logged inside."""
    token = _bound.set((_bound.get() or {}) | fields)
    try:
        yield
    finally:
        _bound.reset(token)


class LineFormatter(logging.Formatter):
    """Format as one line of `time level logger message key=value ...`, with a traceback below where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = (_bound.get() or {}) | getattr(record, "fields", {})
        words = [self.formatTime(record, "%Y-%m-%dT%H:%M:%S"), record.levelname, record.name, record.getMessage()]
        words += [f"{name}={json.dumps(value, default=str)}" for name, value in fields.items()]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
