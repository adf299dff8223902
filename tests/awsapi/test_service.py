"""The service model, its patches, and who serves what."""

import copy
import re

import pytest

from marketplace.awsapi.patches import PATCHES
from marketplace.awsapi.scopes import OPERATION_SCOPES, require_scope
from marketplace.awsapi.service import MODELS, UnsupportedModel, build_service, load_service, read_model
from marketplace.core.errors import Denied

DATA_EXCHANGE = load_service("dataexchange")


def test_the_model_has_37_operations_of_which_one_has_its_own_host() -> None:
    assert len(DATA_EXCHANGE.operations) == 37
    assert [o.name for o in DATA_EXCHANGE.operations.values() if o.host_prefix] == ["SendApiAsset"]


@pytest.mark.parametrize("service", MODELS)
def test_every_pattern_compiles_and_every_patch_changes_something_for_a_reason(service: str) -> None:
    for patch in PATCHES[service]:
        model = copy.deepcopy(read_model(*MODELS[service]))
        before = copy.deepcopy(model)
        patch.apply(model)
        assert model != before, f"{patch.name} is not needed any more"
        assert patch.reason
    assert all(shape.expression or not shape.pattern for shape in load_service(service).shapes.values())


def test_the_vendors_account_id_pattern_matches_no_account_id() -> None:
    vendor = read_model(*MODELS["dataexchange"])["shapes"]["AwsAccountId"]["pattern"]
    patched = DATA_EXCHANGE.shapes["AwsAccountId"].expression
    assert not re.fullmatch(vendor, "123456789012")
    assert patched is not None and patched.fullmatch("123456789012") and not patched.fullmatch("12345678901a")


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    model = copy.deepcopy(read_model(*MODELS["dataexchange"]))
    model["metadata"] |= {"protocol": "query", "protocols": ["query", "ec2"]}
    with pytest.raises(UnsupportedModel):
        build_service("dataexchange", model)


@pytest.mark.parametrize("service", MODELS)
def test_every_operation_needs_a_scope(service: str) -> None:
    assert set(OPERATION_SCOPES[service]) == set(load_service(service).operations)
    for operation in load_service(service).operations.values():
        with pytest.raises(Denied):
            require_scope(operation, frozenset({"keys:write"}))
        for scope in OPERATION_SCOPES[service][operation.name]:
            require_scope(operation, frozenset({scope}))


def test_services_are_known_by_their_clients_names_and_signed_by_their_own() -> None:
    names = {name: load_service(name).signing_name for name in MODELS}
    assert names == {
        "dataexchange": "dataexchange",
        "marketplace-catalog": "aws-marketplace",
        "marketplace-agreement": "aws-marketplace",
    }
    assert {load_service(name).protocol for name in MODELS} == {"rest-json", "json"}
    assert load_service("marketplace-agreement").content_type == "application/x-amz-json-1.0"


def test_a_post_that_only_reads_is_no_mutation() -> None:
    catalog, agreement = load_service("marketplace-catalog"), load_service("marketplace-agreement")
    assert not catalog.operations["ListEntities"].is_mutation
    assert not agreement.operations["SearchAgreements"].is_mutation
    assert catalog.operations["StartChangeSet"].is_mutation
    assert agreement.operations["CreateAgreementRequest"].is_mutation


@pytest.mark.parametrize("service", MODELS)
def test_no_read_scope_allows_a_mutation(service: str) -> None:
    for operation in load_service(service).operations.values():
        needed = OPERATION_SCOPES[service][operation.name]
        # SendApiAsset is a POST whatever it proxies, and reads data.
        if operation.is_mutation and operation.name != "SendApiAsset":
            assert all(scope.endswith(":write") for scope in needed), operation.name
