"""Method and raw path to operation and labels, by the model's request URIs; or X-Amz-Target in the JSON protocols."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from marketplace.awsapi.service import Operation, Service

_LABEL = re.compile(r"\{([^{}+]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """An operation with its decoded labels by wire name; `path` is the raw path that matched.

    `rest` is the raw path below the operation's own, only for operations with a host of their own (`SendApiAsset`).
    """

    operation: Operation
    labels: dict[str, str]
    path: str
    rest: str = ""


class UnknownRoute(Exception):
    """No operation has this path; with `allowed`, some have it under other methods."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = tuple(sorted(set(allowed)))
        super().__init__(", ".join(self.allowed))


@dataclass(frozen=True, slots=True)
class _Route:
    operation: Operation
    expression: re.Pattern[str]
    names: tuple[str, ...]
    literals: int


class Router:
    """Routes of one or more services."""

    def __init__(self, services: Iterable[Service]) -> None:
        everything = [operation for service in services for operation in service.operations.values()]
        self._by_target = {operation.target: operation for operation in everything if operation.target}
        operations = [operation for operation in everything if not operation.target]
        # Literal segments win over labels, and short labels over greedy ones.
        self._routes = sorted((_compile(operation) for operation in operations), key=lambda route: -route.literals)
        self._by_host = [operation for operation in operations if operation.host_prefix]

    def match(self, method: str, paths: Iterable[str], *, host: str = "", target: str | None = None) -> Match:
        """Return the operation for the first of the raw paths that has one. Raises UnknownRoute.

        target: the header X-Amz-Target, which tells the operation of a POST to `/`.
        """
        paths = tuple(paths)
        if paths[-1] == "/" and method == "POST" and target is not None:
            if target not in self._by_target:
                raise UnknownRoute
            return Match(self._by_target[target], {}, "/")
        for operation in self._by_host:
            if host.lower().startswith(operation.host_prefix):
                # This host is the operation's alone, and takes any verb below its path: the raw form of a proxied call.
                base, path = operation.request_uri, paths[-1]
                if path == base or path.startswith(f"{base}/"):
                    return Match(operation, {}, path, path.removeprefix(base))
                raise UnknownRoute
        allowed: list[str] = []
        for path in paths:
            for route in self._routes:
                found = route.expression.fullmatch(path)
                if found is None:
                    continue
                if route.operation.method != method:
                    allowed.append(route.operation.method)
                    continue
                try:
                    labels = [unquote_to_bytes(value).decode() for value in found.groups()]
                except UnicodeDecodeError:
                    raise UnknownRoute from None
                return Match(route.operation, dict(zip(route.names, labels, strict=True)), path)
        raise UnknownRoute(allowed)


def _compile(operation: Operation) -> _Route:
    template = operation.request_uri.partition("?")[0]
    expression, names, literals = "", [], 0
    for segment in template.split("/")[1:]:
        label = _LABEL.fullmatch(segment)
        if label is None:
            expression += "/" + re.escape(segment)
            literals += 1
        else:
            names.append(label[1])
            expression += "/(.+)" if label[2] else "/([^/]+)"
    return _Route(operation, re.compile(expression or "/", re.DOTALL), tuple(names), literals)
