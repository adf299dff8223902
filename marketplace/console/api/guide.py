"""The generated parts of docs/api.md: tables from the service models, the registry and the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from django.conf import settings

from marketplace.awsapi.patches import PATCHES
from marketplace.awsapi.service import MODELS, load_service
from marketplace.console.api.reference import AwsOperation, AwsService, aws_services
from marketplace.console.api.schema import beyond
from marketplace.core import scopes

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class UnknownPart(KeyError):
    """The text marks a part that nothing generates."""


def fill(text: str) -> str:
    """Return the text with each part between `<!-- generated: NAME -->` and `<!-- end -->` made anew.

    Raises UnknownPart.
    """

    def make(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        if name not in _PARTS:
            raise UnknownPart(f"{name}: the parts are {', '.join(sorted(_PARTS))}")
        return f"{begin}\n{_PARTS[name]()}\n\n{end}"

    return _PART.sub(make, text)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines += [["---"] * len(lines[0])]
    lines += [[re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(words: Iterable[str], between: str = ", ") -> str:
    return between.join(f"`{word}`" for word in words)


def _services() -> str:
    rows = [
        [
            service.title,
            f"`{service.client}`",
            service.api_version,
            service.protocol,
            f"`{service.signing_name}`",
            f"{len(service.served)} of {len(service.operations)}",
        ]
        for service in aws_services()
    ]
    return _table(["API", "client in SDKs", "version", "protocol", "signed for", "operations served"], rows)


def _scopes() -> str:
    return _table(["scope", "allows to"], ([f"`{name}`", _lower(text)] for name, text in scopes.SCOPES.items()))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _common_errors() -> str:
    services = aws_services()
    statuses: dict[str, list[str]] = {}
    for service in services:
        for refusal in service.common:
            statuses.setdefault(refusal.code, [""] * len(services))
    for n, service in enumerate(services):
        for refusal in service.common:
            cells = statuses[refusal.code]
            cells[n] = f"{cells[n]}, {refusal.status}" if cells[n] else str(refusal.status)
    head = ["`x-amzn-errortype`", *(f"`{service.client}`" for service in services)]
    return _table(head, ([f"`{code}`", *cells] for code, cells in statuses.items()))


def _quotas() -> str:
    names = load_service("dataexchange").shapes["LimitName"].enum
    quotas: Mapping[str, float] = settings.QUOTAS
    rows = [[name, f"{quotas[name]:,}" if name in quotas else "no limit"] for name in names]
    rows += [
        [f"{name} (a limit of this installation)", f"{most:,}"] for name, most in quotas.items() if name not in names
    ]
    return _table(["`LimitName`", "default"], rows)


def _patches() -> str:
    rows = [[_title(name), f"`{patch.name}`", patch.reason] for name in MODELS for patch in PATCHES.get(name, ())]
    return _table(["API", "patch", "why"], rows)


def _title(name: str) -> str:
    client, _ = MODELS[name]
    return next(service.title for service in aws_services() if service.client == client)


def _beyond() -> str:
    rows = [[_title(name), operation, text] for name in MODELS for operation, text in beyond(name).items()]
    return _table(["API", "operation", "what it offers"], rows)


def _operations() -> str:
    return "\n\n".join(_operations_of(service) for service in aws_services())


def _operations_of(service: AwsService) -> str:
    intro = f"### {service.title}\n\nServed: {len(service.served)} of {len(service.operations)}."
    head = ["operation", "method and path", "status", "errors of its own", "scope", "served"]
    return f"{intro}\n\n{_table(head, (_operation(service, operation) for operation in service.operations))}"


def _operation(service: AwsService, operation: AwsOperation) -> list[str]:
    own = [refusal for refusal in operation.refusals if refusal not in service.common]
    return [
        operation.name,
        f"`{operation.method} {operation.path}`",
        str(operation.status),
        ", ".join(f"{refusal.status} `{refusal.code}`" for refusal in own) or "none",
        _code(operation.scopes, " or "),
        "yes" if operation.is_served else "no: 501",
    ]


_PARTS: Mapping[str, Callable[[], str]] = {
    "services": _services,
    "scopes": _scopes,
    "common-errors": _common_errors,
    "quotas": _quotas,
    "patches": _patches,
    "beyond": _beyond,
    "operations": _operations,
}
