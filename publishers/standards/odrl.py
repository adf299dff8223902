"""A product's public offer as ODRL 2.2, by a small closed profile.

Source: https://www.w3.org/TR/odrl-model/ and /odrl-vocab/. The profile knows the actions use, derive, distribute, sell and
trainModel, the operands purpose and spatial, and the duties compensate and obtainConsent. What the publisher says nothing of
is neither permitted nor prohibited: the terms decide.
"""

from typing import Any

from publishers.standards.described import Described

CONTEXT: dict[str, Any] = {
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "uid": "@id",
    "type": "@type",
    "profile": {"@id": "odrl:profile", "@type": "@id"},
    "permission": {"@id": "odrl:permission", "@type": "@id"},
    "prohibition": {"@id": "odrl:prohibition", "@type": "@id"},
    "duty": {"@id": "odrl:duty", "@type": "@id"},
    "constraint": {"@id": "odrl:constraint", "@type": "@id"},
    "target": {"@id": "odrl:target", "@type": "@id"},
    "assigner": {"@id": "odrl:assigner", "@type": "@id"},
    "consentingParty": {"@id": "odrl:consentingParty", "@type": "@id"},
    "action": {"@id": "odrl:action", "@type": "@id"},
    "leftOperand": {"@id": "odrl:leftOperand", "@type": "@id"},
    "operator": {"@id": "odrl:operator", "@type": "@id"},
    "rightOperand": {"@id": "odrl:rightOperand"},
    "unit": {"@id": "odrl:unit"},
    "title": "dct:title",
    "license": {"@id": "dct:license", "@type": "@id"},
    "issued": {"@id": "dct:issued", "@type": "xsd:dateTime"},
    "Offer": "odrl:Offer",
}
#: right of a product -> the action of the profile that it is about
ACTIONS = {
    "derived_works": "odrl:derive",
    "redistribution": "odrl:distribute",
    "resale": "odrl:sell",
    "model_training": "trainModel",
}
PROFILE = '''\
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .

<{profile}> a owl:Ontology ;
    rdfs:label "ODRL profile of {name}"@en ;
    rdfs:comment """Actions: odrl:use, odrl:derive, odrl:distribute, odrl:sell, trainModel. Operands: odrl:purpose,
odrl:spatial, odrl:payAmount. Duties: odrl:compensate, odrl:obtainConsent."""@en .

<{profile}#trainModel> a odrl:Action, skos:Concept ;
    odrl:includedIn odrl:use ;
    rdfs:label "Train a model"@en ;
    skos:definition "To use the asset as input of the training of a machine-learning model."@en .

<{profile}#commercial> a skos:Concept ;
    rdfs:label "Commercial purpose"@en ;
    skos:definition "Use that is meant for commercial advantage or payment."@en .
'''


def profile(*, url: str, name: str) -> str:
    """Return the profile as Turtle. name: of the exchange."""
    clean = name.replace("\\", "").replace('"', "'").replace("\n", " ").replace("\r", " ")
    return PROFILE.format(profile=url, name=clean)


def policy_url(product: Described) -> str:
    """Return what names the offer of a product."""
    return f"{product.metadata_url}/odrl.jsonld#offer"


def offer(product: Described) -> dict[str, Any]:
    """Return the offer as JSON-LD. Without a public offer it grants nothing, and says so by having no permission."""
    rules: dict[str, list[dict[str, Any]]] = {"permission": [], "prohibition": []}
    if product.offer is not None:
        rules["permission"].append(_use(product))
        for right, action in ACTIONS.items():
            if right in product.rights:
                kind = "permission" if product.rights[right] else "prohibition"
                rules[kind].append({"target": product.url, "action": _action(product, action)})
    if not any(rules.values()):
        rules["prohibition"].append({"target": product.url, "action": "odrl:use"})
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "type": "Offer",
        "uid": policy_url(product),
        "profile": product.site.profile_url,
        "title": f"Offer of {product.name}",
        "assigner": product.publisher.url,
        "license": product.terms_url,
        **{kind: rows for kind, rows in rules.items() if rows},
    }
    return document | ({"issued": product.offer.created_at.isoformat()} if product.offer else {})


def _use(product: Described) -> dict[str, Any]:
    permission: dict[str, Any] = {"target": product.url, "action": "odrl:use"}
    commercial = {"@id": f"{product.site.profile_url}#commercial"}
    if product.rights.get("commercial_use") is False:
        permission["constraint"] = [
            {"leftOperand": "odrl:purpose", "operator": "odrl:neq", "rightOperand": commercial},
        ]
    duties: list[dict[str, Any]] = []
    if product.offer is not None and product.offer.price_minor:
        amount = {"@value": f"{product.offer.price_minor / 100:.2f}", "@type": "xsd:decimal"}
        price = {"leftOperand": "odrl:payAmount", "operator": "odrl:eq", "rightOperand": amount}
        duties.append({"action": "odrl:compensate", "constraint": [price | {"unit": product.offer.currency}]})
    if product.requires_approval:
        duties.append({"action": "odrl:obtainConsent", "consentingParty": product.publisher.url})
    return permission | ({"duty": duties} if duties else {})


def _action(product: Described, action: str) -> str:
    return action if action.startswith("odrl:") else f"{product.site.profile_url}#{action}"
