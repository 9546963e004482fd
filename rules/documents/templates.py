"""Rules that a salon usually wants, to begin a new one from: kept as rules, with their numbers to be filled in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from rules.documents.rules import Rule, RulesDocument
from rules.language.conditions import Comparison, comparisons
from rules.language.facts import FactType
from rules.language.nodes import Mapping, Sequence, read_nodes
from rules.language.reading import read_document
from rules.language.writing import plain_of

OWN = "own"
"""The tag of a template that is to be the new rule's own."""
COUNTED = (FactType.MONEY, FactType.NUMBER, FactType.DAYS, FactType.PERCENT)


class RuleTemplate:
    """A rule with gaps: each number it compares with may be another, and so may each window of days."""

    def __init__(self, document: str, rule: Rule, plain: dict[str, object]) -> None:
        self.document, self.rule, self.plain = document, rule, plain

    @property
    def gaps(self) -> list[Comparison]:
        """The comparisons with a number, in their order."""
        return [leaf for leaf in comparisons(self.rule.when) if leaf.fact.type in COUNTED]


@cache
def rule_templates(*, english: bool = False) -> dict[str, RuleTemplate]:
    """Every template by its id, document by document, with its texts in Chinese or English."""
    found: dict[str, RuleTemplate] = {}
    words = plain_of(read_nodes(_file("english"), "english")) if english else {}
    for name in ("tags", "alerts", "campaigns"):
        text = _file(name)
        for chinese, said in words.items():
            text = text.replace(chinese, str(said))
        rules = read_document(RulesDocument, text, f"rules/templates/{name}.yaml").rules
        written = read_nodes(text, name).get("rules")
        assert isinstance(written, Sequence)
        for rule, node in zip(rules, written.items, strict=True):
            assert isinstance(node, Mapping)
            found[rule.id] = RuleTemplate(name, rule, plain_of(node))
    return found


def _file(name: str) -> str:
    return files("rules").joinpath("templates", f"{name}.yaml").read_text(encoding="utf-8")
