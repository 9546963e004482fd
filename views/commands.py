"""The command that shows what a list page shows: export, with the filters of the list's address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask_babel import gettext as _
from flask_babel import ngettext

from admin_app.commands import fail, house, me, writable_path
from admin_app.documents.export import Selection, export_to
from admin_app.rulebook import access_for
from admin_app.start import open_house
from models.entity import Entity, entities
from views.computed import exported
from views.listing import read_listing


@click.command("export")
@click.argument("entity")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--filter", "filters", multiple=True, metavar="NAME=VALUE", help="As in a list's address; repeatable.")
@click.pass_context
def export_command(context: click.Context, entity: str, file: Path, filters: tuple[str, ...]) -> None:
    """Write rows of ENTITY (customers, sales …) to FILE (.xlsx or .csv).

    Filters are those of the list page: --filter stage=member --filter first_visit_on.from=2026-01-01 --filter q=Anna.
    Archived rows are among them unless --filter archived=no leaves them out.
    """
    with house(context):
        open_house()
        chosen = _entity_of(entity)
        if file.suffix.lower() not in {".xlsx", ".csv"}:
            fail(_("%(file)s: a file ends in .xlsx or .csv.", file=file))
        if file.exists():
            fail(_("%(path)s: exists already.", path=file))
        selection = _selection(chosen, filters)
        rows = export_to(writable_path(file), selection, me())
        click.echo(ngettext("%(num)d row written to %(file)s.", "%(num)d rows written to %(file)s.", rows, file=file))


def _entity_of(word: str) -> type[Entity]:
    """The entity of that name, in the singular or the plural."""
    by_word = {each: entity for entity in entities() for each in (entity.named(), entity.named_plural())}
    if word not in by_word:
        fail(_("There is no entity called %(name)s.", name=word))
    return by_word[word]


def _selection(entity: type[Entity], filters: tuple[str, ...]) -> Selection:
    """What the filters choose; one that is not understood ends the command."""
    args = {"archived": "all"}
    for given in filters:
        name, equals, value = given.partition("=")
        if not equals or not name.strip():
            fail(_("%(given)s: a filter is written as NAME=VALUE.", given=given))
        name, value = name.strip(), value.strip()
        args[name] = f"{args[name]},{value}" if name in args and name != "archived" else value
    listing = read_listing(entity, access_for(me()), args)
    if listing.faults:
        said = [_("%(param)s: %(message)s", param=one.param, message=one.message) for one in listing.faults]
        fail("\n".join(map(str, said)))
    return Selection(entity, listing.all_conditions(), listing.said(), exported(entity, access_for(me())))


COMMANDS: list[Any] = [export_command]
