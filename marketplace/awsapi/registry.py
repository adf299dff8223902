"""Handlers by operation name, checked against the model when their module is imported."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Protocol, TypeVar

from django.utils.module_loading import autodiscover_modules

from marketplace.awsapi.service import Operation, load_service

Shape = Mapping[str, Any]


class Handler(Protocol):
    """Takes the context and the members by snake_case names; absent members are not passed."""

    def __call__(self, context: Any, /, **members: Any) -> Shape | None: ...


H = TypeVar("H", bound=Callable[..., Shape | None])

_handlers: dict[tuple[str, str], Handler] = {}
#: of handlers that talk to the outside, and so cannot be one transaction with the answer that is kept of them
_not_atomic: set[tuple[str, str]] = set()
#: modules of an application that hold handlers, one per service
MODULES = ("api", "catalog_api", "agreement_api")
_discovery = threading.Lock()
_discovered = False


class HandlerMismatch(TypeError):
    """A handler does not fit its operation: a fault in our code, found at import."""


def snake_case(name: str) -> str:
    """Return `data_set_id` for `DataSetId`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def handler(operation: str, *, service: str = "dataexchange", is_atomic: bool = True) -> Callable[[H], H]:
    """Register a function as the handler of an operation.

    is_atomic: False when its work talks to the outside, over which no transaction may be held.
    Raises HandlerMismatch for an unknown operation, a second handler, or parameters that are not the input's members.
    """
    known = load_service(service).operations
    if operation not in known:
        raise HandlerMismatch(f"{service} has no operation {operation}")

    def register(function: H) -> H:
        _check_parameters(known[operation], function)
        present = _handlers.setdefault((service, operation), function)
        if present is not function:
            raise HandlerMismatch(f"{service}:{operation} has a handler already: {_place(present)}")
        if not is_atomic:
            _not_atomic.add((service, operation))
        return function

    return register


def _place(function: Callable[..., object]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', '?')}"


def _check_parameters(operation: Operation, function: Callable[..., object]) -> None:
    parameters = list(inspect.signature(function).parameters.values())
    where = f"{_place(function)} for {operation.name}"
    if not parameters or parameters[0].kind not in {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}:
        raise HandlerMismatch(f"{where}: the first parameter must be the context")
    shape = operation.input
    members = {} if shape is None else {snake_case(name): name in shape.required for name in shape.members}
    takes_others = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters)
    named = {parameter.name: parameter for parameter in parameters[1:] if parameter.kind is not Parameter.VAR_KEYWORD}
    unknown = sorted(set(named) - set(members))
    if unknown:
        raise HandlerMismatch(f"{where}: the input has no members {', '.join(unknown)}")
    missing = sorted(set(members) - set(named))
    if missing and not takes_others:
        raise HandlerMismatch(f"{where}: takes no {', '.join(missing)}")
    for name, parameter in named.items():
        if not members[name] and parameter.default is Parameter.empty:
            raise HandlerMismatch(f"{where}: {name} may be absent and needs a default")


def find(operation: Operation) -> Handler | None:
    """Return the handler of an operation, None when this installation does not serve it."""
    discover()
    return _handlers.get((operation.service, operation.name))


def is_atomic(operation: Operation) -> bool:
    """Return whether the work of the operation's handler may be part of a transaction."""
    return (operation.service, operation.name) not in _not_atomic


def served(service: str) -> frozenset[str]:
    """Return the names of the operations that have a handler."""
    discover()
    return frozenset(name for owner, name in _handlers if owner == service)


def discover() -> None:
    """Import the modules with handlers of each installed application, once."""
    global _discovered
    if not _discovered:
        with _discovery:
            if not _discovered:
                autodiscover_modules(*MODULES)
                _discovered = True
