"""Handlers fit the model, or their module does not import."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.awsapi.registry import HandlerMismatch, handler, snake_case
from marketplace.awsapi.service import load_service


def lacks_context() -> None: ...
def wrong_name(context: Any, *, data_set: str) -> None: ...
def lacks_member(context: Any, *, data_set_id: str, name: str | None = None) -> None: ...
def lacks_default(context: Any, *, data_set_id: str, name: str, description: str | None = None) -> None: ...


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lacks_context, "first parameter must be the context"),
        (wrong_name, "no members data_set"),
        (lacks_member, "takes no description"),
        (lacks_default, "name may be absent"),
    ],
)
def test_a_handler_that_does_not_fit_is_refused(function: Callable[..., None], complaint: str) -> None:
    with pytest.raises(HandlerMismatch, match=complaint):
        handler("UpdateDataSet")(function)


def test_an_unknown_operation_or_service_is_refused() -> None:
    with pytest.raises(HandlerMismatch, match="no operation FinalizeRevision"):
        handler("FinalizeRevision")
    with pytest.raises(KeyError):
        handler("UpdateDataSet", service="s3")


@pytest.mark.parametrize(
    ("name", "snake"),
    [("DataSetId", "data_set_id"), ("MaxResults", "max_results"), ("Type", "type"), ("KMSKeyArn", "kms_key_arn")],
)
def test_members_become_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_no_two_members_of_an_operation_share_a_name() -> None:
    for operation in load_service("dataexchange").operations.values():
        members = list(operation.input.members) if operation.input else []
        assert len({snake_case(name) for name in members}) == len(members)
