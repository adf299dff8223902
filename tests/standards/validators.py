"""The validator of each standard, in this process and without the network; data that no package ships lies beside the project."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import frictionless
import jsonschema
import mlcroissant
import pyshacl
import pytest
from open_data_contract_standard.model import OpenDataContractStandard
from rdflib import ODRL2, RDF, Graph, URIRef

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "standards"
ACTIONS = {"use", "derive", "distribute", "sell"}


def beside(name: str) -> Path:
    """Return a file of the standards' own data; a test that needs what is not there is not run."""
    path = Path(os.environ.get("ENTREPOT_STANDARDS", BESIDE)) / name
    if not path.exists():
        pytest.skip(
            f"{path} is not there: put the standards' own files there, or name their folder in ENTREPOT_STANDARDS"
        )
    return path


@cache
def _schema(name: str) -> Any:
    return jsonschema.Draft201909Validator(
        json.loads(beside(name).read_text()), format_checker=jsonschema.FormatChecker()
    )


@cache
def _shapes(name: str) -> Graph:
    return Graph().parse(beside(f"dcat-ap-3.0.1/{name}.ttl"))


def _errors(name: str, document: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message[:300]}" for error in _schema(name).iter_errors(document)]


def check_croissant(document: dict[str, Any]) -> mlcroissant.Dataset:
    """Fail unless mlcroissant finds nothing wrong."""
    found = mlcroissant.Dataset(jsonld=document)
    assert not found.metadata.ctx.issues.errors
    return found


def check_dcat(turtle: str) -> Graph:
    """Fail unless the graph fits the shapes of DCAT-AP 3.0.1, their ranges too; recommendations may be left."""
    graph = Graph().parse(data=turtle, format="turtle")
    for name in ("shapes", "range", "shapes_recommended"):
        fits, _, text = pyshacl.validate(graph, shacl_graph=_shapes(name), allow_warnings=True, inference="none")
        assert fits, text
    return graph


def check_data_package(document: dict[str, Any]) -> frictionless.Package:
    """Fail unless frictionless takes the descriptor."""
    assert [error.note for error in frictionless.Package.metadata_validate(document)] == []
    return frictionless.Package.from_descriptor(document)


def check_odcs(document: dict[str, Any]) -> OpenDataContractStandard:
    """Fail unless the contract fits the model of the package, and the schema of version 3.1.0 where that is at hand."""
    made = OpenDataContractStandard(**document)
    assert _errors("odcs-json-schema-v3.1.0.json", document) == []
    return made


def check_odps(document: dict[str, Any]) -> None:
    """Fail unless the descriptor fits the schema of version 1.0.0."""
    assert _errors("odps-json-schema-v1.0.0.json", document) == []


def check_odrl(document: dict[str, Any], *, profile: str) -> Graph:
    """Fail unless it is an ODRL offer of our closed profile: one policy, rules with target and a known action each."""
    graph = Graph().parse(data=json.dumps(document), format="json-ld")
    (policy,) = graph.subjects(RDF.type, ODRL2.Offer)
    assert isinstance(policy, URIRef)
    assert list(graph.objects(policy, ODRL2.profile)) == [URIRef(profile)]
    assert len(list(graph.objects(policy, ODRL2.assigner))) == 1
    known = {ODRL2[action] for action in ACTIONS} | {URIRef(f"{profile}#trainModel")}
    rules = [rule for kind in (ODRL2.permission, ODRL2.prohibition) for rule in graph.objects(policy, kind)]
    assert rules
    for rule in rules:
        (target,) = graph.objects(rule, ODRL2.target)
        assert isinstance(target, URIRef)
        assert set(graph.objects(rule, ODRL2.action)) <= known
        assert len(list(graph.objects(rule, ODRL2.action))) == 1
        for duty in graph.objects(rule, ODRL2.duty):
            assert set(graph.objects(duty, ODRL2.action)) <= {ODRL2.obtainConsent, ODRL2.compensate}
    for constraint in set(graph.objects(None, ODRL2.constraint)):
        assert set(graph.objects(constraint, ODRL2.leftOperand)) <= {ODRL2.purpose, ODRL2.spatial, ODRL2.payAmount}
        assert len(list(graph.objects(constraint, ODRL2.operator))) == 1
        assert len(list(graph.objects(constraint, ODRL2.rightOperand))) == 1
    return graph
