"""Products as DCAT-AP 3.0.1: a dcat:Dataset each, its files as distributions; and a page of the catalogue for harvesters.

Source: https://semiceu.github.io/DCAT-AP/releases/3.0.1/. Every node has an address, so that the same products are the same
bytes each time.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, ODRL2, RDF, RDFS, SKOS, XSD, Namespace

from publishers.standards.described import Described, File, PublishedSet, Site
from publishers.standards.odrl import policy_url
from publishers.standards.words import EU_FREQUENCIES, EU_THEMES

DCAT = Namespace("http://www.w3.org/ns/dcat#")  # rdflib has that of version 2
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
ADMS = Namespace("http://www.w3.org/ns/adms#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
_EU = "http://publications.europa.eu/resource/authority"
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_PREFIXES: dict[str, Any] = {
    "dcat": DCAT,
    "dct": DCTERMS,
    "foaf": FOAF,
    "vcard": VCARD,
    "spdx": SPDX,
    "adms": ADMS,
    "dcatap": DCATAP,
    "odrl": ODRL2,
    "skos": SKOS,
    "hydra": HYDRA,
    "xsd": XSD,
    "rdfs": RDFS,
}
CONTEXT = {name: str(namespace) for name, namespace in _PREFIXES.items()}
_ACCESS = {True: "PUBLIC", False: "RESTRICTED"}


def new_graph() -> Graph:
    """Return an empty graph that knows the prefixes."""
    graph = Graph(bind_namespaces="none")
    for name, namespace in _PREFIXES.items():
        graph.bind(name, namespace)
    return graph


def turtle(graph: Graph) -> str:
    """Return a graph as Turtle."""
    written: str = graph.serialize(format="turtle")
    return written


def json_ld(graph: Graph) -> str:
    """Return a graph as JSON-LD with the prefixes as its context."""
    written: str = graph.serialize(format="json-ld", context=CONTEXT, sort_keys=True, indent=1)
    return written


def dataset_graph(product: Described) -> Graph:
    """Return one product with the service through which its data is had."""
    graph = new_graph()
    add_service(graph, product.site, [product])
    add_dataset(graph, product)
    return graph


def catalogue_graph(
    products: list[Described], *, site: Site, page_url: str, first_url: str, next_url: str, modified_at: datetime | None
) -> Graph:
    """Return a page of the catalogue: the catalogue, these of its products, and where the next page is (empty on the last)."""
    graph = new_graph()
    catalogue = URIRef(f"{site.url}#catalogue")
    publisher = _agent(graph, f"{site.url}#publisher", site.name)
    graph.add((catalogue, RDF.type, DCAT.Catalog))
    graph.add((catalogue, DCTERMS.title, Literal(site.name)))
    graph.add((catalogue, DCTERMS.description, Literal(f"The data products of {site.name} that everybody may see.")))
    graph.add((catalogue, DCTERMS.publisher, publisher))
    _link(graph, catalogue, FOAF.homepage, site.url, FOAF.Document)
    themes = _link(graph, catalogue, DCAT.themeTaxonomy, f"{_EU}/data-theme", SKOS.ConceptScheme)
    graph.add((themes, DCTERMS.title, Literal("Data themes of the European Union")))
    if modified_at is not None:
        graph.add((catalogue, DCTERMS.modified, _instant(modified_at)))
    graph.add((catalogue, DCAT.service, add_service(graph, site, products)))
    for product in products:
        graph.add((catalogue, DCAT.dataset, add_dataset(graph, product)))
    page = URIRef(page_url)
    graph.add((page, RDF.type, HYDRA.PartialCollectionView))
    graph.add((page, HYDRA.first, URIRef(first_url)))
    if next_url:
        graph.add((page, HYDRA.next, URIRef(next_url)))
    graph.add((catalogue, RDF.type, HYDRA.Collection))
    graph.add((catalogue, HYDRA.view, page))
    return graph


def add_service(graph: Graph, site: Site, products: Iterable[Described]) -> URIRef:
    """Add the data API and what it serves."""
    service = URIRef(f"{site.data_url}#service")
    graph.add((service, RDF.type, DCAT.DataService))
    graph.add((service, DCTERMS.title, Literal(f"Data API of {site.name}")))
    graph.add((service, DCAT.endpointURL, URIRef(site.data_url)))
    graph.add((service, DCAT.endpointDescription, URIRef(f"{site.url}api/schema/")))
    for product in products:
        graph.add((service, DCAT.servesDataset, URIRef(product.url)))
    return service


def add_dataset(graph: Graph, product: Described) -> URIRef:
    """Add a product with its publisher, offer and files."""
    dataset = URIRef(product.url)
    graph.add((dataset, RDF.type, DCAT.Dataset))
    graph.add((dataset, DCTERMS.identifier, Literal(product.id)))
    graph.add((dataset, DCTERMS.title, Literal(product.name)))
    graph.add((dataset, DCTERMS.description, Literal(product.description or product.text)))
    graph.add((dataset, DCAT.version, Literal(product.version)))
    graph.add((dataset, DCAT.keyword, Literal(product.category)))
    graph.add((dataset, DCTERMS.publisher, _agent(graph, product.publisher.url, product.publisher.name)))
    _link(graph, dataset, DCAT.landingPage, f"{product.url}#page", FOAF.Document)
    theme = _link(graph, dataset, DCAT.theme, f"{_EU}/data-theme/{EU_THEMES[product.category]}", SKOS.Concept)
    graph.add((theme, SKOS.prefLabel, Literal(EU_THEMES[product.category])))
    right = _ACCESS[product.is_public and not product.requires_approval]
    _link(graph, dataset, DCTERMS.accessRights, f"{_EU}/access-right/{right}", DCTERMS.RightsStatement)
    if product.first_at is not None:
        graph.add((dataset, DCTERMS.issued, _instant(product.first_at)))
    if product.last_at is not None:
        graph.add((dataset, DCTERMS.modified, _instant(product.last_at)))
    if product.frequency in EU_FREQUENCIES:
        word = EU_FREQUENCIES[product.frequency]
        _link(graph, dataset, DCTERMS.accrualPeriodicity, f"{_EU}/frequency/{word}", DCTERMS.Frequency)
    if product.places:
        place = _link(graph, dataset, DCTERMS.spatial, f"{product.url}#coverage", DCTERMS.Location)
        graph.add((place, RDFS.label, Literal(" / ".join(product.places))))
    if product.source_url:
        _link(graph, dataset, FOAF.page, product.source_url, FOAF.Document)
    _contact(graph, dataset, product)
    for each in product.data_sets:
        if each.revision is not None and each.revision.comment:
            graph.add((dataset, ADMS.versionNotes, Literal(_note(each, product))))
    for file in product.files:
        graph.add((dataset, DCAT.distribution, _distribution(graph, product, file)))
    return dataset


def _note(each: PublishedSet, product: Described) -> str:
    comment = each.revision.comment if each.revision else ""
    return comment if len(product.data_sets) == 1 else f"{each.name}: {comment}"


def _distribution(graph: Graph, product: Described, file: File) -> URIRef:
    distribution = URIRef(f"{file.page_url}#file-{quote(file.id, safe='')}")
    graph.add((distribution, RDF.type, DCAT.Distribution))
    graph.add((distribution, DCTERMS.title, Literal(file.name)))
    graph.add((distribution, DCTERMS.description, Literal(f"{file.name}, for subscribers.")))
    graph.add((distribution, DCAT.accessURL, URIRef(file.page_url)))
    graph.add((distribution, DCAT.accessService, URIRef(f"{product.site.data_url}#service")))
    graph.add((distribution, DCAT.byteSize, Literal(file.size_bytes, datatype=XSD.nonNegativeInteger)))
    graph.add((distribution, DCTERMS.issued, _instant(file.published_at)))
    _link(graph, distribution, DCAT.mediaType, f"{_MEDIA_TYPES}{file.media_type}", DCTERMS.MediaType)
    _link(graph, distribution, DCTERMS.format, f"{_EU}/file-type/{file.eu_format}", DCTERMS.MediaTypeOrExtent)
    if file.packing:
        _link(graph, distribution, DCAT.compressFormat, f"{_MEDIA_TYPES}{file.packing}", DCTERMS.MediaType)
    # while it is in the catalogue it is there
    availability = _link(
        graph, distribution, DCATAP.availability, f"{_EU}/planned-availability/AVAILABLE", SKOS.Concept
    )
    graph.add((availability, SKOS.prefLabel, Literal("Available")))
    _licence(graph, distribution, product)
    checksum = URIRef(f"{distribution}-sha256")
    graph.add((distribution, SPDX.checksum, checksum))
    graph.add((checksum, RDF.type, SPDX.Checksum))
    graph.add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
    graph.add((checksum, SPDX.checksumValue, Literal(file.sha256, datatype=XSD.hexBinary, normalize=False)))
    return distribution


def _licence(graph: Graph, distribution: URIRef, product: Described) -> None:
    licence = _link(graph, distribution, DCTERMS.license, product.terms_url, DCTERMS.LicenseDocument)
    if product.licence:
        graph.add((licence, RDFS.label, Literal(product.licence)))
    if product.offer is not None:
        policy = _link(graph, distribution, ODRL2.hasPolicy, policy_url(product), ODRL2.Policy)
        graph.add((policy, RDF.type, ODRL2.Offer))


def _contact(graph: Graph, dataset: URIRef, product: Described) -> None:
    contact = _link(graph, dataset, DCAT.contactPoint, f"{product.url}#contact", VCARD.Kind)
    graph.add((contact, VCARD.fn, Literal(product.publisher.name)))
    if "@" in product.contact and " " not in product.contact:
        graph.add((contact, VCARD.hasEmail, URIRef(f"mailto:{quote(product.contact, safe='@+.-_')}")))
    else:
        graph.add((contact, VCARD.hasURL, URIRef(product.publisher.website or product.publisher.url)))


def _agent(graph: Graph, url: str, name: str) -> URIRef:
    agent = URIRef(url)
    graph.add((agent, RDF.type, FOAF.Agent))
    graph.add((agent, FOAF.name, Literal(name)))
    return agent


def _link(graph: Graph, subject: URIRef, predicate: URIRef, address: str, kind: URIRef) -> URIRef:
    """Add something with an address, and what it is: the shapes ask for its class."""
    thing = URIRef(address)
    graph.add((subject, predicate, thing))
    graph.add((thing, RDF.type, kind))
    return thing


def _instant(at: datetime) -> Literal:
    return Literal(at.isoformat(timespec="seconds"), datatype=XSD.dateTime)
