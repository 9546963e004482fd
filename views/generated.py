"""Every entity as a Flask-Admin screen, with what Flask-Admin leaves open closed.

One restricted query stands behind list, details, edit, inline edit, bulk action, export, look-up and history; every
write is an operation; access is asked per request, per field and per row; a refusal is 403 or 404 and logged, never a
redirect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, current_app, flash, jsonify, redirect, request, url_for
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin_app.documents.export import Selection, export_to
from admin_app.operations.customers import same_person
from admin_app.operations.entities import CreateInput, EditInput, RowInput, may_write, writable_by
from admin_app.operations.in_use import takes
from admin_app.operations.reading import RevealInput
from admin_app.operations.refusals import Forbidden, Missing, Refused, Stale
from admin_app.operations.registry import Spec, page_actions, row_actions, spec_named
from admin_app.taken_back import taken_back
from admin_app.titles import title_of
from admin_app.values import show_value, whole_number, write_value
from models.customers import Customer
from models.entity import AnySelect, Entity, db, entities
from models.field import Field, Kind
from models.names import Name
from models.sales import Sale
from rules.decisions.access import Sight
from rules.documents.roles import Action, Sees
from views import history
from views.acts import acts_with
from views.broken_bookings import warn_of_broken
from views.cells import Cells, list_fields, sensitive_shown, visible_fields
from views.choices import offered
from views.computed import computed_fields, exported
from views.customer_head import customer_head
from views.customer_page import customer_page
from views.customer_strip import customer_of, strip_of
from views.downloads import download
from views.forms import HouseForm, entity_blueprints, make_form, show_refusal, written
from views.listing import Listing, is_number_search, read_listing, searchable, sortable
from views.listing_page import filter_controls
from views.person import access, actor, do, log_read, note_number_search, refuse
from views.related import related_tab, related_to

LOOKUP_ROWS = 20
LOOKUP_WHOLE = 50
"""What a look-up answers where there are more rows, and how many it answers whole."""

NEEDS = {
    "index_view": Action.VIEW,
    "details_view": Action.VIEW,
    "related_view": Action.VIEW,
    "ajax_lookup": Action.VIEW,
    "action_view": Action.VIEW,
    "create_view": Action.CREATE,
    "edit_view": Action.EDIT,
    "ajax_update": Action.EDIT,
    "delete_view": Action.ARCHIVE,
    "restore_view": Action.ARCHIVE,
    "export": Action.EXPORT,
    "history_view": Action.HISTORY,
    "reveal_view": Action.REVEAL,
}
"""What each route asks of a role; a route that is not here is refused."""


class EntityScreen(ModelView):
    """The screen of one entity."""

    form_base_class = FlaskForm
    can_view_details = True
    entity: type[Entity]

    def __init__(self, entity: type[Entity]) -> None:
        self.entity = entity
        assert entity.screen is not None
        section = entity.screen.section
        super().__init__(
            entity,
            db,
            name=entity.plural,
            endpoint=entity.named(),
            url=f"/{entity.named()}",
            category=str(section.value),
        )

    # ---------------------------------------------------------------- what Flask-Admin would freeze at start

    def _refresh_cache(self) -> None:
        """Columns, filters and forms depend on who is looking: nothing is kept from one request to the next."""
        self._search_supported = searchable(self.entity)
        self._filters = self._filter_groups = self._filter_args = None
        self._list_columns = self._details_columns = self._export_columns = list[Any]()
        self._sortable_columns = self._form_ajax_refs = dict[str, Any]()
        self._create_form_class = self._edit_form_class = self._delete_form_class = self._action_form_class = HouseForm

    def init_actions(self) -> None:
        """Bulk actions are operations, not methods of a screen."""
        self._actions, self._actions_data = list[Any](), dict[str, Any]()

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the view, once: a TypeError inside it is a fault of ours, to be seen."""
        return fn(self, *args, **kwargs)

    # ----------------------------------------------------------------------------------------------- access

    def is_accessible(self) -> bool:
        return bool(current_user.is_authenticated) and access().may(Action.VIEW, self.entity)

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        needed = NEEDS.get(name)
        if needed is None or not access().may(needed, self.entity) or not self._may_write(name):
            raise refuse(Forbidden, f"{self.entity.named()}.{name}", self.entity.named(), _asked_id())
        return None

    def _may_write(self, name: str) -> bool:
        operations = {
            "create_view": Name.CREATE_ENTITY,
            "edit_view": Name.EDIT_ENTITY,
            "ajax_update": Name.EDIT_ENTITY,
            "delete_view": Name.ARCHIVE_ENTITY,
            "restore_view": Name.RESTORE_ENTITY,
        }
        return name not in operations or writable_by(self.entity, operations[name])

    # --------------------------------------------------------------------------------- one restricted query

    def get_query(self) -> AnySelect:
        return select(self.entity).where(access().rows(self.entity))

    def get_count_query(self) -> AnySelect:
        return select(func.count(self.entity.id)).where(access().rows(self.entity))

    def get_one(self, id: Any) -> Entity | None:
        number = whole_number(str(id))
        if number is None:
            return None
        found: Entity | None = db.session.scalar(self.get_query().where(self.entity.id == number))
        return found

    def _row(self, needed: str) -> Any:
        """The row asked for, or a logged 404: not there and not hers look the same."""
        row = self.get_one(request.values.get("id", ""))
        if row is None:
            raise refuse(Missing, f"{self.entity.named()}.{needed}", self.entity.named(), _asked_id())
        return row

    # ------------------------------------------------------------------------------------------------- list

    @expose("/", methods=("GET", "POST"))
    def index_view(self) -> Any:
        """The list. Words may stand in the address; a number is sent in the body, so that no address holds it."""
        words = request.form.get("q", "").strip() if request.method == "POST" else ""
        if words and not is_number_search(self.entity, access(), words):
            return redirect(self.get_url(".index_view", **{**request.args.to_dict(), "q": words, "page": None}))
        if request.method == "POST" and not words:
            return redirect(self.get_url(".index_view"))
        cleaned = _joined()
        if cleaned != {name: values[0] for name, values in request.args.lists() if len(values) == 1}:
            return redirect(self.get_url(".index_view", **cleaned))
        listing = read_listing(self.entity, access(), {**cleaned, "q": words or cleaned.get("q", "")})
        listing.by_number = is_number_search(self.entity, access(), listing.words)
        fields = list_fields(self.entity, access())
        self._note_list(listing, fields)
        rows, more = listing.rows()
        status = 422 if listing.faults else 404 if listing.page > 1 and not rows else 200
        return self._list_page(listing, rows, more, fields), status

    def _note_list(self, listing: Listing, fields: list[Field]) -> None:
        """Write down a search by number, and sensitive columns shown, before the page is made."""
        shown = sensitive_shown(fields, access())
        if not listing.by_number and not shown:
            return
        rows, _more = listing.rows()
        ids = [row.id for row in rows if any(getattr(row, name) is not None for name in shown)]
        if listing.by_number:
            note_number_search(self.entity.named(), listing.words, len(rows))
        if ids:
            log_read(self.entity.named(), ids, shown)

    def _list_page(self, listing: Listing, rows: list[Entity], more: bool, fields: list[Field]) -> str:
        screen = self.entity.screen
        assert screen is not None
        totals = listing.totals()
        offered = [spec for spec in self._operations() if any(takes(spec, row) for row in rows)]
        editable = set(screen.inline) if may_write(access(), self.entity, Name.EDIT_ENTITY) else set()
        return self.render(
            "list.html",
            entity=self.entity,
            listing=listing,
            rows=rows,
            more=more,
            count=listing.count() if totals is None else totals.count,
            totals=totals,
            fields=fields,
            cells=Cells(rows, fields, access()),
            sortable=set(sortable(self.entity, access())),
            inline={one.name for one in fields if one.name in editable and access().writes(one)},
            filters=filter_controls(listing),
            operations=offered,
            choosable={row.id for row in rows if any(takes(spec, row) for spec in offered)},
            starts=[spec for spec in page_actions(self.entity) if access().does(spec.name) and self._of_use(spec.name)],
            may=self._allowed(),
            searchable=searchable(self.entity),
        )

    def _of_use(self, name: str) -> bool:
        """Whoever sees every customer need not look one up elsewhere."""
        role = access().role
        return name != Name.LOOK_UP_CUSTOMER or role is None or role.sees is not Sees.ALL

    def _operations(self) -> list[Spec]:
        return [spec for spec in row_actions(self.entity) if access().does(spec.name)]

    def _allowed(self) -> dict[str, bool]:
        """Which generated ways she has with this entity."""
        may = {
            "create": may_write(access(), self.entity, Name.CREATE_ENTITY),
            "edit": may_write(access(), self.entity, Name.EDIT_ENTITY),
            "archive": may_write(access(), self.entity, Name.ARCHIVE_ENTITY),
        }
        more = {name: access().may(Action(name), self.entity) for name in ("export", "history", "reveal")}
        return may | more

    # ---------------------------------------------------------------------------------------------- details

    @expose("/details/")
    def details_view(self) -> Any:
        """One row: what she may see of it, what belongs to it, what can be done with it."""
        row = self._row("details_view")
        if getattr(row, "merged_into_id", None) is not None:
            flash(_("This record was merged into another; this is the one that stands."), "success")
            return redirect(self.get_url(".details_view", id=row.merged_into_id))
        fields = [one for one in visible_fields(self.entity, access()) if _says_something(one)]
        head = customer_head(row.id, access()) if self.entity is Customer else None
        if head is not None and head.shown_dangers:
            log_read("contraindication", head.shown_dangers, ["substance"])
            row = self._row("details_view")
        row = self._note_shown(row, fields, "details_view")
        computed = computed_fields(self.entity, access()) if head is None else []
        computed = [one for one in computed if one.name not in self.entity.fields()]
        standing = [part for one in computed for part in one.load([row.id], access()).get(row.id, ())]
        return self.render(
            "details.html",
            entity=self.entity,
            row=row,
            title=title_of(row, access()),
            fields=fields,
            cells=Cells([row], fields, access()),
            acts=acts_with(self.entity, [one for one in self._operations() if takes(one, row)]),
            may=self._allowed(),
            head=head,
            standing=standing,
            returns=taken_back(db.session(), row) if self.entity is Sale and standing else [],
            page=customer_page(row.id, head.held, access()) if head is not None else None,
            related=related_to(self.entity, row.id, access(), request.args.get("open", "")),
            form=_empty_form(),
        )

    @expose("/related/")
    def related_view(self) -> Any:
        """The newest rows of one entity that refer to the row: a part of its page, loaded when it is opened."""
        row = self._row("related_view")
        tab = related_tab(self.entity, row.id, access(), request.args.get("of", ""))
        if tab is None:
            raise refuse(Missing, f"{self.entity.named()}.related_view", self.entity.named(), row.id)
        return self.render("related.html", tab=tab, row=row)

    def _note_shown(self, row: Any, fields: list[Field], view: str) -> Any:
        """The row, after the log knows which of its sensitive values are shown in clear."""
        shown = [name for name in sensitive_shown(fields, access()) if getattr(row, name) is not None]
        if not shown:
            return row
        log_read(self.entity.named(), [row.id], shown)
        return self._row(view)

    @expose("/history/")
    def history_view(self) -> Any:
        """Who changed which field when, from what to what."""
        row = self._row("history_view")
        entries = history.of_row(self.entity, row.id, access())
        told = {one.field for entry in entries for one in entry.differences}
        shown = [name for name in sensitive_shown(self.entity.fields().values(), access()) if name in told]
        if shown:
            log_read(self.entity.named(), [row.id], shown)
            row = self._row("history_view")
            entries = history.of_row(self.entity, row.id, access())
        return self.render("history.html", entity=self.entity, row=row, title=title_of(row, access()), entries=entries)

    @expose("/reveal/", methods=("POST",))
    def reveal_view(self) -> Any:
        """Show one masked value, once, after the log knows of it."""
        row, name = self._row("reveal_view"), request.form.get("field", "")
        do(Name.REVEAL_FIELD, RevealInput(entity=self.entity.named(), id=row.id, field=name))
        fresh = self._row("reveal_view")
        one = self.entity.fields()[name]
        return jsonify(text=show_value(one.kind, getattr(fresh, name), current_app.config["PEONY"].zone))

    # ----------------------------------------------------------------------------------------------- writing

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """A new row."""
        form = self._form(None)
        if form.validate_on_submit():
            values = {name: value for name, value in written(form).items() if value not in (None, "")}
            try:
                made = do(Name.CREATE_ENTITY, CreateInput(entity=self.entity.named(), values=values))
            except Refused as refusal:
                show_refusal(form, refusal)
            else:
                flash(_("Saved."), "success")
                warn_of_broken(made)
                self._warn_of_double(made["id"])
                again = "again" in request.form
                return redirect(self.get_url(".create_view") if again else self.get_url(".details_view", id=made["id"]))
        if not form.is_submitted():
            form.fresh()
            if "store_id" in form and len(actor().stores) == 1:
                form["store_id"].data = str(next(iter(actor().stores)))
            for one in form.asked:
                if one.name in request.args:
                    one.data = request.args[one.name]
        page = self.render(
            "form.html",
            entity=self.entity,
            form=form,
            title=_("New: %(entity)s", entity=self.entity.label),
            back=self.get_url(".index_view"),
            row=None,
            strip=strip_of(whole_number(form["customer_id"].data if "customer_id" in form else None), access()),
        )
        return page, _status(form)

    def _warn_of_double(self, row_id: int) -> None:
        """Two customers may share a phone, as mother and daughter do; with one name too, they may be one."""
        if self.entity is Customer and (known := same_person(row_id, access())) is not None:
            flash(
                _("There is a customer with this name and phone already: %(title)s.", title=title_of(known, access())),
                "warning",
            )

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """An existing row. What somebody else changed meanwhile is shown beside what was wanted, never overwritten."""
        row = self._row("edit_view")
        form = self._form(row)
        conflict: dict[str, tuple[str, str]] = {}
        if form.validate_on_submit():
            values = self._changes(form, row)
            version = whole_number(form.version.data) or 0
            data = EditInput(entity=self.entity.named(), id=row.id, values=values, version=version)
            try:
                saved = do(Name.EDIT_ENTITY, data)
            except Stale as stale:
                conflict = stale.differences
                form.version.data = str(stale.version)
                form.fresh()
            except Refused as refusal:
                show_refusal(form, refusal)
            else:
                flash(_("Saved."), "success")
                warn_of_broken(saved)
                return redirect(self.get_url(".details_view", id=row.id))
        strip = strip_of(customer_of(row), access())
        row = self._row("edit_view")
        if not form.is_submitted():
            form.fresh()
            form.version.data = str(row.version)
        labels = {name: self.entity.fields()[name].label for name in conflict}
        row = self._note_shown(row, [self.entity.fields()[one.name] for one in form.asked], "edit_view")
        page = self.render(
            "form.html",
            entity=self.entity,
            form=form,
            title=title_of(row, access()),
            back=self.get_url(".details_view", id=row.id),
            row=row,
            strip=strip,
            conflict=conflict,
            labels=labels,
        )
        return page, 409 if conflict else _status(form)

    def _form(self, row: Any) -> HouseForm:
        plans = entity_blueprints(self.entity, access(), row)
        asked = {plan.name: _ids(getattr(row, plan.name, None)) for plan in plans if plan.target}
        form = make_form(plans, access(), asked)()
        if row is not None and not form.is_submitted():
            self._fill(form, row)
        return form

    def _fill(self, form: HouseForm, row: Any) -> None:
        zone = current_app.config["PEONY"].zone
        for one in form.asked:
            declared = self.entity.fields()[one.name]
            value = getattr(row, one.name)
            if access().sight(declared) is Sight.MASKED:
                continue
            one.data = bool(value) if declared.kind == "flag" else write_value(declared.kind, value, zone)

    def _changes(self, form: HouseForm, row: Any) -> dict[str, Any]:
        """The fields whose text is no longer that of the row; a masked one only where something new was written."""
        zone = current_app.config["PEONY"].zone
        changed: dict[str, Any] = {}
        for name, text in written(form).items():
            declared = self.entity.fields()[name]
            if access().sight(declared) is Sight.MASKED:
                if text:
                    changed[name] = text
            elif (text or "") != write_value(declared.kind, getattr(row, name), zone):
                changed[name] = text
        return changed

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        """One field of one row, edited in the list."""
        row = self._row("ajax_update")
        screen = self.entity.screen
        name = request.form.get("field", "")
        if screen is None or name not in screen.inline:
            raise refuse(Forbidden, f"{self.entity.named()}.inline", self.entity.named(), row.id)
        values, version = {name: request.form.get("value", "")}, whole_number(request.form.get("version")) or 0
        data = EditInput(entity=self.entity.named(), id=row.id, values=values, version=version)
        do(Name.EDIT_ENTITY, data)
        fresh = self._row("ajax_update")
        cell = Cells([fresh], [self.entity.fields()[name]], access()).of(fresh, self.entity.fields()[name])
        return jsonify(text=cell.text, raw=cell.raw, version=fresh.version)

    @expose("/delete/", methods=("POST",))
    def delete_view(self) -> Any:
        """Nothing is deleted: the row is put away, and can be brought back at once."""
        return self._put(Name.ARCHIVE_ENTITY, "delete_view")

    @expose("/restore/", methods=("POST",))
    def restore_view(self) -> Any:
        """Bring a row back."""
        return self._put(Name.RESTORE_ENTITY, "restore_view")

    def _put(self, name: Name, view: str) -> Any:
        row = self._row(view)
        version = whole_number(request.form.get("version"))
        data = RowInput(entity=self.entity.named(), id=row.id, version=version)
        warn_of_broken(do(name, data))
        if name is Name.ARCHIVE_ENTITY:
            flash(_("Archived.") + f"|{self.get_url('.restore_view')}|{row.id}", "undo")
        else:
            flash(_("Restored."), "success")
        return redirect(self.get_url(".details_view", id=row.id))

    # ------------------------------------------------------------------------------ many rows, and their list

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Start an operation on the chosen rows: its form comes next."""
        try:
            spec = spec_named(request.form.get("action", ""))
        except KeyError:
            abort(404)
        if spec not in self._operations():
            raise refuse(Forbidden, f"{self.entity.named()}.{spec.name}", self.entity.named())
        ids = [number for one in request.form.getlist("ids") if (number := whole_number(one)) is not None]
        if not ids:
            flash(_("Choose some rows first."), "warning")
            return redirect(self.get_url(".index_view"))
        return redirect(url_for("operation", name=spec.name, on=",".join(map(str, ids))))

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Response:
        """The rows of the list as a file; the log knows of it before the first byte leaves."""
        if export_type not in {"xlsx", "csv"}:
            raise refuse(Missing, f"{self.entity.named()}.export", self.entity.named())
        listing = read_listing(self.entity, access(), request.args)
        if listing.faults:
            one = listing.faults[0]
            raise Refused(_("%(param)s: %(message)s", param=one.label, message=one.message), one.param, "filter")
        if is_number_search(self.entity, access(), listing.words):
            note_number_search(self.entity.named(), listing.words)
        extra = exported(self.entity, access())
        chosen = Selection(self.entity, listing.all_conditions(), listing.said(), extra)
        return download(f"{self.entity.named()}.{export_type}", lambda path: export_to(path, chosen, actor()))

    @expose("/ajax/lookup/", methods=("GET", "POST"))
    def ajax_lookup(self) -> Any:
        """Rows for a relation, searched here, and only those that the person may see.

        What a list sorts by name comes in the order in which it was put in, as in a plain list of choices.
        """
        words = request.values.get("q", "")[:60].strip()
        args = {"q": words} if words else {}
        listing = read_listing(self.entity, access(), args)
        listing.size = LOOKUP_WHOLE
        if listing.sort == "name":
            listing.sort = "id"
        if is_number_search(self.entity, access(), words):
            note_number_search(self.entity.named(), words)
        rows, more = listing.rows()
        shown = offered(rows[:LOOKUP_ROWS] if more else rows, access())
        found = [{"id": one.row_id, "text": one.title, "more": one.more} for one in shown]
        note = [{"note": _("There are more; type more of the name.")}] if more else []
        return jsonify([*found, *note])


def _joined() -> dict[str, str]:
    """The address's parameters, several of one name joined by commas, empty ones left out."""
    found = {name: ",".join(one for one in values if one.strip()) for name, values in request.args.lists()}
    return {name: value for name, value in found.items() if value}


def _says_something(one: Field) -> bool:
    """Whether a field's value can be said to her: a row of a kind that she sees nothing of has no title for her."""
    if one.kind is not Kind.REFERENCE:
        return True
    target = next((entity for entity in entities() if entity.named() == one.target), None)
    return target is None or access().may(Action.VIEW, target)


def _asked_id() -> int | None:
    return whole_number(request.values.get("id"))


def _ids(value: Any) -> list[int]:
    number = whole_number(str(value or ""))
    return [] if number is None else [number]


def _empty_form() -> HouseForm:
    form = HouseForm()
    form.fresh()
    return form


def _status(form: HouseForm) -> int:
    return 422 if form.is_submitted() else 200
