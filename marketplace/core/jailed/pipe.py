"""How a jailed process talks: requests are lines of JSON on its input, an answer is its length and then its bytes."""

import json
import select
import sys
from collections.abc import Iterator
from typing import Any

#: A process that nobody asks for this long ends by itself.
IDLE_S = 120


def answer(content: bytes) -> None:
    """Write one answer."""
    sys.stdout.buffer.write(b"%016d" % len(content))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def requests() -> Iterator[dict[str, Any]]:
    """Yield requests until the other side closes or is silent for IDLE_S seconds."""
    stream = sys.stdin.buffer
    while select.select([stream], [], [], IDLE_S)[0]:
        line = stream.readline()  # one request at a time is in flight, so that nothing waits in the buffer
        if not line:
            return
        yield json.loads(line)
