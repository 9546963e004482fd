"""The JSON Schemas for editors: they take the shipped files, and refuse what is no key."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from rules.book import DOCUMENTS
from rules.documents.schema import schema_of
from tests.rules.texts import SHIPPED


def faults(document: str, text: str) -> list[str]:
    validator = jsonschema.Draft7Validator(schema_of(document))
    return [one.message for one in validator.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
def test_it_is_a_schema_and_takes_the_shipped_file(document: str) -> None:
    schema = schema_of(document)
    jsonschema.Draft7Validator.check_schema(schema)
    assert faults(document, SHIPPED[document]) == []


RULE = "version: 1\ntags: []\nrules: [{id: a, name: A, when: %s, then: [{tag: b}]%s}]\n"


@pytest.mark.parametrize(
    ("when", "more", "sound"),
    [
        ("{visits_90d: {at_least: 3}}", "", True),
        ("{not: {any: [{tag: lost}, {tier: [gold, silver]}]}}", ", for: 2d, limits: {customers_per_run: 5}", True),
        ("{days_since_visit: {at_least: 3, never: yes}}", ", enabled: no", True),
        ("{visit_90d: {at_least: 3}}", "", False),
        ("{visits_90d: {at_lest: 3}}", "", False),
        ("{all: []}", "", False),
        ("{tag: {between: [a, b]}}", "", False),
        ("{visits_90d: 3}", ", four: 2d", False),
        ("{visits_90d: 3}", ", existing_customers: some", False),
    ],
)
def test_what_fits_and_what_does_not(when: str, more: str, sound: bool) -> None:
    assert (faults("tags", RULE % (when, more)) == []) is sound


def test_every_document_refuses_a_key_that_it_does_not_know() -> None:
    for document in DOCUMENTS:
        data: dict[str, Any] = yaml.safe_load(SHIPPED[document]) | {"nothing_like_it": 1}
        assert list(jsonschema.Draft7Validator(schema_of(document)).iter_errors(data)), document
