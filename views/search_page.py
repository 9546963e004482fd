"""Search everywhere: what she may see of every entity that can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, redirect, render_template, request, url_for
from sqlalchemy import select

from admin_app.titles import called
from models.customers import Customer
from models.entity import Entity, db, entities, table_of
from rules.documents.roles import Action
from views.cells import Cells, list_fields, sensitive_shown
from views.listing import found_by, is_number_search, searchable
from views.person import access, note_number_search

MOST = 8
MORE = 5
"""The columns after the first, up to this one, are said of each finding."""


@dataclass(frozen=True)
class Found:
    """What was found of one entity."""

    entity: type[Entity]
    rows: list[tuple[Any, str, str]]


def register(app: Flask) -> None:
    app.add_url_rule("/search", "search", search_page, methods=["GET", "POST"])


def search_page() -> Any:
    """Customers first; one single finding is opened at once. Numbers come in the body, never in the address."""
    words = (request.form.get("q") or request.args.get("q") or "").strip()[:60]
    if request.method == "POST" and words and not is_number_search(Customer, access(), words):
        return redirect(url_for("search", q=words))
    found = _found(words) if words else []
    if is_number_search(Customer, access(), words):
        note_number_search("customer", words, sum(len(one.rows) for one in found))
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
        if "archived_at" in entity.fields():
            query = query.where(table_of(entity).c.archived_at.is_(None))
        rows = list(db.session.scalars(query.order_by(entity.id.desc())))
        if rows:
            fields = list_fields(entity, access())[1:MORE]
            fields = [one for one in fields if one.name not in sensitive_shown(fields, access())]
            cells = Cells(rows, fields, access())
            told = [" · ".join(text for one in fields if (text := cells.of(row, one).text)) for row in rows]
            results.append(Found(entity, list(zip(rows, called(rows, access()), told, strict=True))))
    return results
