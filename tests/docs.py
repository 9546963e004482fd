"""Pages of docs/ that are made from the product itself: ``python -m tests.docs`` writes them, a test compares them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from flask_babel import LazyString, force_locale

from admin_app.operations.registry import Spec, specs
from admin_app.settings import HOUSE, Settings
from models.entity import entities
from models.field import Field, Kind, Privacy
from rules.book import DOCUMENTS
from rules.documents.schema import schema_of
from rules.language.conditions import OPERATORS
from rules.language.facts import FAMILIES, FAMILIES_OF, SUBJECT_WORDS, Family, Subject

DOCS = HOUSE / "docs"


def said(text: LazyString | str | None, language: str) -> str:
    with force_locale(language):
        return "" if text is None else str(text)


def both(text: LazyString | str) -> str:
    """The Chinese words and the English ones."""
    return f"{said(text, 'zh_Hans_CN')} · {said(text, 'en')}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def plain(docstring: str | None) -> str:
    """The first line of a docstring, without its markup."""
    return re.sub(r"``([^`]*)``", r"`\1`", (docstring or "").strip().splitlines()[0])


# ---------------------------------------------------------------------------------------------------- the pages


def operations() -> str:
    def row(spec: Spec) -> list[str]:
        on = spec.on.named() if spec.on is not None else ""
        return [f"`{spec.name}`", both(spec.label), on, spec.kind.value, plain(spec.function.__doc__)]

    head = ("Name", "Label", "On", "Log entry", "What it does")
    return f"""# Operations

Everything that people, rules and commands do to the salon's data. A role may do what `does` in `rules/roles.yaml`
names. Operations with «On» are a button on each row of that screen. Each is one transaction with one entry in the
operation log; a form sends an idempotency key, so that a second click gets the first answer.

{table(head, (row(spec) for spec in sorted(specs(), key=lambda spec: spec.name)))}
"""


def facts() -> str:
    def row(family: Family) -> list[str]:
        label = both(family.label).replace("%(n)s", "n").replace("%(slug)s", "…")
        return [f"`{family.pattern}`", label, family.type.value, both(family.empty) if family.empty else ""]

    def about(subject: Subject) -> str:
        rows = table(("Fact", "Meaning", "Type", "Empty when it"), (row(one) for one in FAMILIES_OF[subject]))
        return f"## {both(SUBJECT_WORDS[subject])}\n\n{ABOUT[subject]}\n\n{rows}"

    others = "\n\n".join(about(subject) for subject in Subject if subject is not Subject.CUSTOMER)
    fitting = (
        (kind.value, ", ".join(f"`{operator}`" for operator in sorted(known))) for kind, known in OPERATORS.items()
    )
    return f"""# Facts and comparisons

What a condition in a rule may ask: first about a customer, then, in the rules of `watch` in alerts.yaml, about staff,
products, services and operations. `{{n}}` is any number of days from 1 to 3660; as of day D a window of N days holds
D−N < day ≤ D, and «days since» is D − day. Days are business days of the store; money is written in yuan. Nothing after
D is seen. Rows of a customer who was merged into another count for that other one.

An empty fact fulfils no comparison, and its `not` therefore holds; `never: yes` beside a comparison lets it hold where
the fact is empty.

{table(("Fact", "Meaning", "Type", "Empty when she"), (row(family) for family in FAMILIES))}

`paid` counts what came in by cash, WeChat, Alipay, card and methods that an import could not tell; vouchers of
platforms and stored value are not paid a second time. `used` counts the services given.

{others}

## Which comparison fits which type

{table(("Type", "Comparisons"), fitting)}

`at_least`, `at_most` and both ends of `between` are inclusive. `fact: value` is short for `is`, `fact: [a, b]` for
`in`. Conditions join with `all`, `any` and `not`.
"""


ABOUT = {
    Subject.STAFF: """\
What she sold and gave stands on receipts; a line that was taken back is left out, and a card's session counts for
whoever gave it. `takings` is what came in by her share of what she sold, `used` the worth of her share of what she
gave. Refunds and gifts are those that passed through her hands, as the log has it. `customers_in_care` are those
assigned to her.""",
    Subject.PRODUCT: """\
On receipts; a line that was taken back is left out, and counts in `returned` on the day it was taken back.""",
    Subject.SERVICE: """\
As of products; a session of a card counts as sold, for its worth.""",
    Subject.OPERATION: """\
What somebody did, as the operation log has it; what the house does by itself (runs, schedules) is not among it.
`hour`, `outside_hours` and `times_today` go by the store's own clock; `times_today` counts the same operation by the
same person up to this one, and what was refused apart. `amount` is money in, below zero where it was given back.""",
}


def entities_page() -> str:
    return f"""# Entities

Every table with a screen, and its fields. «Privacy» says who sees a value unless `rules/roles.yaml` says more: *open*
everybody who sees the row, *business* and *sensitive* only roles that clear them, *personal* masked for the others,
*secret* nobody.

{"".join(_entity(name) for name in sorted(entity.named() for entity in entities()))}"""


def _entity(name: str) -> str:
    entity = next(one for one in entities() if one.named() == name)

    def row(field: Field) -> list[str]:
        privacy = "" if field.info.privacy is Privacy.OPEN else field.info.privacy.value
        to = f" → {field.target}" if field.kind is Kind.REFERENCE else ""
        return [f"`{field.name}`", both(field.info.label), f"{field.kind.value}{to}", privacy]

    fields = table(("Field", "Label", "Kind", "Privacy"), (row(field) for field in entity.fields().values()))
    return f"## {name}: {both(entity.label)}\n\n{plain(entity.__doc__)}\n\n{fields}\n\n"


def _schema(document: str) -> Callable[[], str]:
    return lambda: json.dumps(schema_of(document), ensure_ascii=False, sort_keys=True) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "operations.md": operations,
    "facts.md": facts,
    "entities.md": entities_page,
    **{f"rules/schema/{document}.schema.json": _schema(document) for document in DOCUMENTS},
}


def settings_table(head: tuple[str, str, str]) -> str:
    """The settings as the README shows them."""
    rows = []
    for name, info in Settings.model_fields.items():
        default = info.default
        if isinstance(default, Path):
            default = f"{default.relative_to(HOUSE)}/"
        rows.append(
            [f"`PEONY_{name.upper()}`", f"`{default}`" if default not in ("", None) else "", str(info.description)]
        )
    return table(head, rows)


def write() -> None:
    from admin_app import create_app
    from views import register_screens

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder), scheduler=False))
        register_screens(app)
        with app.app_context():
            for name, page in PAGES.items():
                (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
