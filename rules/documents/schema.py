"""JSON Schema (draft 7) of the rule documents, for editors: made from the models that read them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rules.book import DOCUMENTS
from rules.language.conditions import OPERATORS, Operator
from rules.language.facts import FAMILIES_OF, Family, Subject
from rules.language.reading import PLACE_KEY

CONDITION = "x-condition"
"""Where a condition stands, until its own schema is put there."""
WORD: dict[str, Any] = {"type": ["string", "number", "boolean"]}
"""A scalar: what it may be is known when it is read, and a text may be written without quotes."""


class _Written(GenerateJsonSchema):
    """Of what is written: every scalar that is checked by the reader is a word here."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if inner == {}:
            return {CONDITION: True}
        return inner if inner.get("type") in ("object", "array") else dict(WORD)

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return dict(WORD)

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        return dict(WORD)


def schema_of(document: str) -> dict[str, Any]:
    """The schema of one document by its name."""
    model: type[BaseModel] = DOCUMENTS[document]
    found = model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Written)
    definitions = found.pop("$defs", {})
    definitions.pop("Place", None)
    for part in (found, *definitions.values()):
        part.get("properties", {}).pop(PLACE_KEY, None)
        if "required" in part:
            part["required"] = [name for name in part["required"] if name != PLACE_KEY]
    watch = _watch(definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_with_conditions(found),
        "definitions": {
            **_with_conditions(definitions),
            **watch,
            "condition": _condition(Subject.CUSTOMER),
            "scalar": WORD,
        },
    }


def _watch(definitions: dict[str, Any]) -> dict[str, Any]:
    """The conditions of rules that say what they are about: which facts there are hangs on it."""
    rule = definitions.get("WatchRule")
    if rule is None:
        return {}
    rule["properties"]["when"] = {}
    about = [Subject(one) for one in rule["properties"]["about"]["enum"]]
    rule["allOf"] = [
        {"if": {"properties": {"about": {"const": one}}}, "then": {"properties": {"when": _here(one)}}} for one in about
    ]
    return {f"condition_{one}": _condition(one) for one in about}


def _here(subject: Subject) -> dict[str, Any]:
    name = "condition" if subject is Subject.CUSTOMER else f"condition_{subject}"
    return {"$ref": f"#/definitions/{name}"}


def _with_conditions(part: Any) -> Any:
    if isinstance(part, dict):
        if CONDITION in part:
            return {"$ref": "#/definitions/condition"}
        return {key: _with_conditions(value) for key, value in part.items()}
    return [_with_conditions(one) for one in part] if isinstance(part, list) else part


def _condition(subject: Subject) -> dict[str, Any]:
    here = _here(subject)
    facts = {_pattern(family): _comparison(family) for family in FAMILIES_OF[subject]}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "all": {"type": "array", "minItems": 1, "items": here},
            "any": {"type": "array", "minItems": 1, "items": here},
            "not": here,
        },
        "patternProperties": facts,
        "additionalProperties": False,
    }


def _pattern(family: Family) -> str:
    return "^" + family.pattern.replace("{n}", "[1-9][0-9]{0,3}").replace("{slug}", "[a-z][a-z0-9_]*") + "$"


def _comparison(family: Family) -> dict[str, Any]:
    several = {Operator.IN, Operator.NOT_IN, Operator.BETWEEN}
    scalar, many = {"$ref": "#/definitions/scalar"}, {"type": "array", "minItems": 1, "items": WORD}
    operators: dict[str, Any] = {str(one): many if one in several else scalar for one in sorted(OPERATORS[family.type])}
    mapping = {
        "type": "object",
        "minProperties": 1,
        "properties": {**operators, "never": scalar},
        "additionalProperties": False,
    }
    return {"anyOf": [scalar, many, mapping]}
