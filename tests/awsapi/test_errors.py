"""Refusals arrive in botocore as the modelled exception, with the members that AWS gives."""

import json

import pytest

from marketplace.awsapi import errors
from marketplace.awsapi.service import load_service
from marketplace.core.errors import Conflict, Denied, DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests
from marketplace.core.operations.idempotency import RequestInProgress
from tests.awsapi.examples import parsed_by_botocore

SERVICE = load_service("dataexchange")
ID = "0f" * 16


class BucketRefused(Invalid):
    exception_cause = "S3AccessDenied"


def answered(error: DomainError, operation: str) -> tuple[int, dict[str, object]]:
    """Return the status, and what a botocore client sees but its own metadata."""
    wire = errors.render(errors.translate(error, SERVICE.operations[operation], SERVICE), SERVICE)
    parsed = parsed_by_botocore(operation, wire.status, wire.headers, wire.body)
    parsed.pop("ResponseMetadata")
    error_seen = parsed.pop("Error")
    assert error_seen["Message"] == error.message
    return wire.status, {"Code": error_seen["Code"]} | parsed


@pytest.mark.parametrize(
    ("error", "operation", "status", "seen"),
    [
        (
            NotFound("DATA_SET", ID),
            "GetDataSet",
            404,
            {"Code": "ResourceNotFoundException", "ResourceId": ID, "ResourceType": "DATA_SET"},
        ),
        (
            Conflict("REVISION", ID),
            "DeleteRevision",
            409,
            {"Code": "ConflictException", "ResourceId": ID, "ResourceType": "REVISION"},
        ),
        (Invalid("No."), "CreateJob", 400, {"Code": "ValidationException"}),
        (
            BucketRefused("No."),
            "CreateEventAction",
            400,
            {"Code": "ValidationException", "ExceptionCause": "S3AccessDenied"},
        ),
        (Denied("No."), "UpdateDataSet", 403, {"Code": "AccessDeniedException"}),
        (Denied("No."), "GetDataSet", 403, {"Code": "AccessDeniedException"}),
        (
            LimitExceeded("Data sets per account", 3000),
            "CreateDataSet",
            402,
            {"Code": "ServiceLimitExceededException", "LimitName": "Data sets per account", "LimitValue": 3000.0},
        ),
        (
            LimitExceeded("Concurrent in progress jobs to import assets from Amazon S3", 10),
            "StartJob",
            402,
            {
                "Code": "ServiceLimitExceededException",
                "LimitName": "Concurrent in progress jobs to import assets from Amazon S3",
                "LimitValue": 10.0,
            },
        ),
        (
            LimitExceeded("Revisions per data set", 10_000),
            "CreateRevision",
            402,
            {"Code": "ServiceLimitExceededException", "LimitName": "Revisions per data set", "LimitValue": 10_000.0},
        ),
        (TooManyRequests("Requests per window", 5), "GetDataSet", 429, {"Code": "ThrottlingException"}),
        (TooManyRequests("Data sets per account", 5), "CreateDataSet", 429, {"Code": "ThrottlingException"}),
        (RequestInProgress(), "CreateDataSet", 409, {"Code": "ConflictException"}),
    ],
)
def test_a_family_becomes_its_exception(
    error: DomainError, operation: str, status: int, seen: dict[str, object]
) -> None:
    assert answered(error, operation) == (status, {"Message": error.message} | seen)


@pytest.mark.parametrize(
    ("error", "operation", "code"),
    [
        (NotFound("DATA_SET", ID), "CreateEventAction", "ValidationException"),
        (Conflict("DATA_SET", ID), "CreateDataSet", "ValidationException"),
        (LimitExceeded("Flows per account", 10), "StartJob", "ConflictException"),
        (LimitExceeded("Flows per account", 10_000), "CreateRevision", "ValidationException"),
        (NotFound("DATA_SET", ID), "TagResource", "ResourceNotFoundException"),
        (Invalid("No."), "UntagResource", "ValidationException"),
        (DomainError(), "GetDataSet", "ValidationException"),
    ],
)
def test_what_an_operation_does_not_model_falls_back(error: DomainError, operation: str, code: str) -> None:
    assert errors.translate(error, SERVICE.operations[operation], SERVICE).code == code


@pytest.mark.parametrize("limit", SERVICE.shapes["LimitName"].enum)
def test_every_limit_that_aws_names_is_402_on_every_operation(limit: str) -> None:
    for operation in SERVICE.operations.values():
        found = errors.translate(LimitExceeded(limit, 7), operation, SERVICE)
        assert (found.code, found.status) == ("ServiceLimitExceededException", 402)
        assert found.members == {"LimitName": limit, "LimitValue": 7.0}


@pytest.mark.parametrize(
    ("service", "operation", "error", "answer"),
    [
        ("marketplace-catalog", "StartChangeSet", Conflict("CHANGE_SET", "cs-1"), (423, "ResourceInUseException")),
        ("marketplace-catalog", "StartChangeSet", Invalid("No."), (422, "ValidationException")),
        ("marketplace-catalog", "StartChangeSet", RequestInProgress(), (423, "ResourceInUseException")),
        ("marketplace-catalog", "StartChangeSet", LimitExceeded("x", 1), (402, "ServiceQuotaExceededException")),
        ("marketplace-catalog", "DescribeEntity", NotFound("PRODUCT", "p"), (404, "ResourceNotFoundException")),
        ("marketplace-agreement", "CancelAgreement", Conflict("AGREEMENT", "a"), (409, "ConflictException")),
    ],
)
def test_other_services_have_their_own_names_and_statuses(
    service: str, operation: str, error: DomainError, answer: tuple[int, str]
) -> None:
    found = errors.translate(error, load_service(service).operations[operation], load_service(service))
    assert (found.status, found.code) == answer


def test_members_of_errors_are_spelled_as_the_service_spells_them() -> None:
    service = load_service("marketplace-agreement")
    error = NotFound("AGREEMENT_REQUEST", "ar-1")
    found = errors.translate(error, service.operations["AcceptAgreementRequest"], service)
    assert found.members == {"resourceType": "AgreementRequest", "resourceId": "ar-1"}
    wire = errors.render(found, service)
    assert wire.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert json.loads(wire.body) == {
        "__type": "ResourceNotFoundException",
        "message": error.message,
        "resourceType": "AgreementRequest",
        "resourceId": "ar-1",
    }


@pytest.mark.parametrize("operation", SERVICE.operations)
def test_every_family_has_an_answer_below_500_on_every_operation(operation: str) -> None:
    modelled = {shape.error_code for shape in SERVICE.operations[operation].errors} | {"AccessDeniedException"}
    for error in (NotFound("JOB", ID), Conflict("JOB", ID), Invalid("No."), Denied("No."), LimitExceeded("x", 1)):
        found = errors.translate(error, SERVICE.operations[operation], SERVICE)
        assert 400 <= found.status < 500
        assert found.code in modelled or not SERVICE.operations[operation].errors


def test_kinds_that_aws_does_not_know_are_left_out() -> None:
    error = errors.translate(NotFound("STORAGE_CONNECTION", "bucket"), SERVICE.operations["CreateJob"], SERVICE)
    assert (error.code, error.members) == ("ResourceNotFoundException", {})
    error = errors.translate(LimitExceeded("Flows per account", 3), SERVICE.operations["CreateDataSet"], SERVICE)
    assert error.members == {"LimitValue": 3.0}


def test_a_throttled_caller_is_told_when_to_come_back() -> None:
    error = TooManyRequests("Requests per window", 5)
    error.retry_after_s = 7
    assert errors.translate(error, SERVICE.operations["GetDataSet"], SERVICE).headers == {
        "Retry-After": "7",
        "x-amz-retry-after": "7000",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.unknown_operation("GET", ()), 404, "UnknownOperationException"),
        (errors.unknown_operation("PUT", ("GET",)), 405, "UnknownOperationException"),
        (errors.not_served(SERVICE.operations["CancelJob"]), 501, "UnsupportedOperationException"),
        (errors.internal_error(), 500, "InternalServerException"),
        (errors.unavailable(), 503, "ServiceUnavailableException"),
    ],
)
def test_botocore_reads_errors_without_an_operation(error: errors.ApiError, status: int, code: str) -> None:
    for service in (None, SERVICE):
        wire = errors.render(error, service)
        seen = parsed_by_botocore("GetDataSet", wire.status, wire.headers, wire.body)["Error"]
        assert (wire.status, seen) == (status, {"Code": code, "Message": error.message})
