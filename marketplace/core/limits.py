"""Rate limits, counted in PostgreSQL so that they hold while the cache is away."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from marketplace.core.errors import LimitExceeded
from marketplace.core.models import RateCounter


class TooManyRequests(LimitExceeded):
    """Raised when a subject called too often; `retry_after_s` says how long to wait."""

    retry_after_s = 1


def count(key: str, *, most: int, window_s: int) -> None:
    """Count one call of a subject; one atomic statement. Raises TooManyRequests beyond `most` in `window_s` seconds."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_ratecounter (key, window_until, count) VALUES (%s, %s, 1)
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN core_ratecounter.window_until <= %s THEN 1 ELSE core_ratecounter.count + 1 END,
                window_until = CASE WHEN core_ratecounter.window_until <= %s THEN excluded.window_until
                                    ELSE core_ratecounter.window_until END
            RETURNING count, window_until
            """,
            [key[:160], now + timedelta(seconds=window_s), now, now],
        )
        counted, until = cursor.fetchone() or (1, now)
    if counted > most:
        error = TooManyRequests("Requests per window", most, f"Too many requests: {most} in {window_s} s are allowed.")
        error.retry_after_s = max(1, int((until - now).total_seconds()) + 1)
        raise error


def forget(key: str) -> None:
    """Begin a subject's window anew: it has proved to be the right one."""
    RateCounter.objects.filter(key=key[:160]).delete()
