"""Every YAML example of the rules' guide is a rule that fits into the shipped book, and its own tests pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from admin_app.evaluation import evaluate
from admin_app.settings import HOUSE
from rules.book import DOCUMENTS, Rulebook
from rules.documents.rules import Rule
from rules.evaluation.boundaries import fulfilling
from rules.evaluation.trial import failing_tests
from rules.language.conditions import read_condition
from rules.language.nodes import read_nodes
from tests.cast import TODAY
from tests.conftest import House
from tests.properties.history import activate
from tests.rules.texts import SHIPPED, book

GUIDE = HOUSE / "docs" / "rules"
PAGES = ("README", "recipes", "evaluation", "outgrowing")
FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`(?:rules/)?(\w+)\.yaml`")


@dataclass(frozen=True)
class Example:
    """An item of ``rules`` as a page shows it, with the document that the words before it name."""

    page: str
    document: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.id}"

    @property
    def id(self) -> str:
        return self.text.splitlines()[0].removeprefix("- id: ")

    def rule(self) -> Rule:
        """The rule as it is read in the shipped book."""
        return rule_of(with_examples([self]), self.id)


def examples(page: str) -> list[Example]:
    """The examples of one page, in their order."""
    found, words = [], (GUIDE / page).read_text("utf-8")
    end = 0
    for fence in FENCE.finditer(words):
        named = FILE.findall(words, end, fence.start())
        end = fence.end()
        if fence["language"] == "yaml":
            assert named, f"{page}: no file is named before {fence['text'][:40]!r}"
            found.append(Example(page, named[-1], fence["text"]))
    return found


def pages() -> list[str]:
    return sorted(page.name for page in GUIDE.glob("*.md"))


ALL = [example for page in pages() for example in examples(page)]
RECIPES = examples("recipes.md")


def texts_with(some: Sequence[Example]) -> dict[str, str]:
    """The shipped documents with these examples before their own rules."""
    texts = {}
    for document in {example.document for example in some}:
        own = "\n".join(example.text for example in some if example.document == document)
        indented = "".join(f"  {line}" if line.strip() else line for line in own.splitlines(keepends=True))
        assert SHIPPED[document].count("\nrules:\n") == 1
        texts[document] = SHIPPED[document].replace("\nrules:\n", f"\nrules:\n{indented}\n")
    return texts


def with_examples(some: Sequence[Example]) -> Rulebook:
    return book(texts_with(some))


def rule_of(found: Rulebook, name: str) -> Rule:
    return next(rule for rule in found.rules() if rule.id == name)


def test_every_page_is_there_in_both_languages() -> None:
    assert pages() == sorted(f"{name}{language}.md" for name in PAGES for language in ("", ".zh-CN"))


@pytest.mark.parametrize("page", pages())
def test_no_example_escapes(page: str) -> None:
    """Whatever looks like a rule stands in a fence called yaml, and is run."""
    words = (GUIDE / page).read_text("utf-8")
    assert len(examples(page)) == words.count("```yaml")
    assert [example.id for example in examples(page)] == re.findall(r"- id: (\S+)", words)


@pytest.mark.parametrize("example", ALL, ids=str)
def test_an_example_fits_and_can_be_fulfilled(example: Example) -> None:
    assert example.id not in {rule.id for rule in book().rules()}
    assert fulfilling(example.rule().when) is not None


@pytest.mark.parametrize("example", ALL, ids=str)
def test_the_tests_of_an_example_pass(example: Example) -> None:
    count, failed = failing_tests(with_examples([example]), [example.id])
    assert [str(fault) for fault in failed] == []
    assert count == len(example.rule().tests)


@pytest.mark.parametrize("example", RECIPES, ids=str)
def test_a_recipe_shows_whom_it_finds_and_whom_not(example: Example) -> None:
    rule = example.rule()
    assert {test.expect for test in rule.tests} == {"matches", "no match"}
    assert rule.name_en


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_show_the_same_rules(name: str) -> None:
    english, chinese = examples(f"{name}.md"), examples(f"{name}.zh-CN.md")
    assert [(one.document, one.text) for one in english] == [(one.document, one.text) for one in chinese]


@pytest.mark.parametrize("page", ["recipes.md", "recipes.zh-CN.md"])
def test_there_are_twenty_recipes_at_least(page: str) -> None:
    assert len({example.id for example in examples(page)}) >= 20


def test_the_chinese_pages_are_written_in_chinese() -> None:
    """No paragraph outside the examples is left in English."""
    left = []
    for page in pages():
        if page.endswith(".zh-CN.md"):
            words = FENCE.sub("", (GUIDE / page).read_text("utf-8"))
            left += [part for part in words.split("\n\n") if len(part) > 60 and not re.search(r"[一-鿿]", part)]
    assert left == []


def test_the_reference_links_every_document() -> None:
    reference = (HOUSE / "docs" / "rules.md").read_text("utf-8")
    opening = reference[: reference.index("\n## ")]
    assert [name for name in DOCUMENTS if f"[{name}.yaml](../rules/{name}.yaml)" not in opening] == []


def test_the_conditions_that_the_reference_shows_can_be_fulfilled() -> None:
    reference = (HOUSE / "docs" / "rules.md").read_text("utf-8")
    shown = [fence["text"] for fence in FENCE.finditer(reference) if fence["language"] == "yaml"]
    assert len(shown) == reference.count("```yaml") > 0
    watched = [text for text in shown if text.startswith("watch:")]
    for text in set(shown) - set(watched):
        when = read_nodes(text, "rules.md").get("when")
        assert when is not None
        assert fulfilling(read_condition(when)) is not None
    for text in watched:
        count, failed = failing_tests(book({"alerts": f"version: 1\n{text}"}))
        assert (count > 0, failed) == (True, [])


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_entry_leads_to_every_page(language: str) -> None:
    entry = (GUIDE / f"README{language}.md").read_text("utf-8")
    assert [name for name in PAGES[1:] if f"]({name}{language}.md)" not in entry] == []


def test_all_recipes_together_are_evaluated(house: House) -> None:
    for document, text in texts_with(RECIPES).items():
        activate(document, text)
    evaluate(TODAY)
    again = evaluate(TODAY)
    assert again.customers > 0
    assert (again.gained, again.lost, again.asked, again.given) == ({}, {}, 0, 0)
