"""Search everywhere: what she may see of every entity that can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy import select

from admin_app.operations.reading import NumberSearchInput
from admin_app.titles import title_of
from models.customers import Customer
from models.entity import Entity, db, entities
from models.names import Name
from rules.documents.roles import Action
from views.cells import Cells, list_fields, sensitive_shown
from views.listing import found_by, is_number_search, searchable
from views.person import access, do

MOST = 8


@dataclass(frozen=True)
class Found:
    """What was found of one entity."""

    entity: type[Entity]
    rows: list[tuple[Any, str, str]]


def register(app: Flask) -> None:
    app.add_url_rule("/search", "search", login_required(search_page), methods=["GET", "POST"])


def search_page() -> Any:
    """Customers first; one single finding is opened at once. Numbers come in the body, never in the address."""
    words = (request.form.get("q") or request.args.get("q") or "").strip()[:60]
    if request.method == "POST" and words and not is_number_search(Customer, access(), words):
        return redirect(url_for("search", q=words))
    found = _found(words) if words else []
    if is_number_search(Customer, access(), words):
        whole = len("".join(filter(str.isdigit, words))) != 4
        count = sum(len(one.rows) for one in found)
        do(Name.SEARCH_NUMBER, NumberSearchInput(entity="customer", whole=whole, found=count))
    if len(found) == 1 and len(found[0].rows) == 1:
        return redirect(url_for(f"{found[0].entity.named()}.details_view", id=found[0].rows[0][0].id))
    return render_template("search.html", words=words, found=found)


def _found(words: str) -> list[Found]:
    results: list[Found] = []
    chosen = sorted(entities(), key=lambda entity: entity is not Customer)
    for entity in chosen:
        if entity.screen is None or not searchable(entity) or not access().may(Action.VIEW, entity):
            continue
        query = select(entity).where(access().rows(entity), found_by(entity, access(), words)).limit(MOST)
        rows = list(db.session.scalars(query.order_by(entity.id.desc())))
        if rows:
            fields = list_fields(entity, access())[1:4]
            fields = [one for one in fields if one.name not in sensitive_shown(fields, access())]
            cells = Cells(rows, fields, access())
            told = [" · ".join(text for one in fields if (text := cells.of(row, one).text)) for row in rows]
            results.append(
                Found(entity, [(row, title_of(row, access()), more) for row, more in zip(rows, told, strict=True)])
            )
    return results
