"""Answers that are kept for a minute in this process, once the question is about so much that answering takes time."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
KEPT_S = 60
MOST_KEPT = 256
#: below that a count takes a millisecond or two, so it is made anew and never out of date
LARGE = 2_000


class Kept(Generic[T]):
    """Keeps up to MOST_KEPT answers for KEPT_S seconds, those over at least LARGE rows only; safe among threads."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def get(self, question: Hashable, answer: Callable[[], T], *, size: Callable[[T], int]) -> T:
        """Return the answer that is kept, or make one. size: how many rows an answer is about."""
        now = time.monotonic()
        with self._lock:
            kept = self._answers.get(question)
        if kept is not None and now - kept[0] < KEPT_S:
            return kept[1]
        made = answer()
        if size(made) >= LARGE:
            with self._lock:
                self._answers.pop(question, None)
                while len(self._answers) >= MOST_KEPT:
                    del self._answers[next(iter(self._answers))]
                self._answers[question] = (now, made)
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()
