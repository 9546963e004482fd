"""The commands that work on the salon: check, evaluate, import, doctor."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select

from admin_app import upgrade
from admin_app.commands import BAD, answer, fail, house, me, need_salon, progress
from admin_app.doctor import Finding, examine
from admin_app.evaluation import evaluate, try_out
from admin_app.importing.files import (
    OF_A_SALON,
    FileReport,
    import_file,
    importable,
    kind_called,
    save_before_import,
)
from admin_app.operations.kernel import business_day, now
from admin_app.rule_files import document_named, path_of, read_file, read_files, watch_files
from admin_app.rulebook import own_of
from admin_app.start import check_keys, open_house
from models.entity import db, entity_named
from models.organisation import Store
from models.rulebook import RuleMatch
from models.standing import CustomerTag, Membership, Tag
from rules.book import DOCUMENTS, Rulebook
from rules.evaluation.trial import failing_tests
from rules.language.faults import Faults

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")


@click.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@JSON
@click.pass_context
def check_command(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Validate every rule file and run the tests inside; exit 1 on any fault. With FILE only that one."""
    with house(context):
        faults: list[str] = []
        tests = 0
        document = None if file is None else _document_in(file)
        try:
            book = _book_with(file, document)
            rules = None if document is None else book.rule_documents().get(document)
            among = None if document is None else {rule.id for rule in rules.tested()} if rules else ()
            tests, failed = failing_tests(book, among)
            faults = [str(fault) for fault in failed]
        except Faults as found:
            faults = [str(fault) for fault in found.faults]
        except OSError:
            fail(_("%(file)s cannot be read.", file=str(file)))
        files = [str(path_of(name)) for name in DOCUMENTS] if file is None else [str(file)]

        def lines() -> list[str]:
            good = _("%(files)s rule files are sound; %(tests)s tests pass.", files=len(files), tests=tests)
            if file is not None:
                good = _("%(file)s is sound beside the other rules; %(tests)s tests pass.", file=str(file), tests=tests)
            return faults or [good]

        answer({"files": files, "tests": tests, "faults": faults}, as_json, lines)
    sys.exit(BAD if faults else 0)


def _document_in(file: Path) -> str:
    """Which of the rule files this is; ends with a sentence where there is no such file, or it is none of them."""
    if not file.is_file():
        fail(_("There is no file %(file)s.", file=str(file)))
    document = document_named(file)
    if document is None:
        names = ", ".join(f"{name}.yaml" for name in DOCUMENTS)
        fail(_("%(file)s is not named like one of the rule files: %(names)s", file=str(file), names=names))
    return document


def _book_with(file: Path | None, document: str | None) -> Rulebook:
    """Every file as it stands, or the rules in force with one document as a file has it.

    :raises Faults: what is wrong with them.
    """
    salon = upgrade.check()
    if file is not None and document is not None:
        return read_file(file, document, salon=salon)
    return read_files(own_of(db.session())) if salon else read_files()


@click.command("evaluate")
@click.option("--as-of", "as_of", type=click.DateTime(["%Y-%m-%d"]), help="The day to speak of; today by default.")
@click.option("--rule", "rule_id", help="Only this rule; implies --dry-run.")
@click.option("--dry-run", is_flag=True, help="Say what the rules find, and change nothing.")
@JSON
@click.pass_context
def evaluate_command(
    context: click.Context, as_of: datetime | None, rule_id: str | None, dry_run: bool, as_json: bool
) -> None:
    """Evaluate the rules for all customers."""
    with house(context):
        open_house()
        watch_files()
        day = as_of.date() if as_of else business_day(now())
        if dry_run or rule_id is not None:
            found = try_out(day, rule_id)
            if not found:
                fail(_("There is no rule called %(rule)s.", rule=rule_id))
            answer({"as_of": day, "dry_run": True, **found}, as_json, lambda: _lines(found["matching"]))
            return
        with progress(_("Evaluating")) as moved:
            report = evaluate(day, full=True, actor=me(), progress=moved)
        found = {"as_of": day, "dry_run": False, **report.counts(), **standing_counts()}
        answer(found, as_json, lambda: _lines({**found["tiers"], **found["tags"]}))


def standing_counts() -> dict[str, dict[str, int]]:
    """How many customers have each tier and tag, and fulfil each rule, now."""
    tiers = select(Membership.tier, func.count()).where(Membership.ended_on.is_(None)).group_by(Membership.tier)
    held = (CustomerTag.until.is_(None), CustomerTag.held)
    tags = (
        select(Tag.slug, func.count()).join(CustomerTag, CustomerTag.tag_id == Tag.id).where(*held).group_by(Tag.slug)
    )
    matching = select(RuleMatch.rule, func.count()).where(RuleMatch.until.is_(None)).group_by(RuleMatch.rule)
    counted = {"tiers": tiers, "tags": tags, "matching": matching}
    return {name: dict(sorted(db.session.execute(query).all())) for name, query in counted.items()}


def _lines(counts: dict[str, int]) -> list[str]:
    width = max((len(name) for name in counts), default=0)
    return [f"{name:<{width}}  {count:>9,}" for name, count in counts.items()]


@click.command("import")
@click.argument("kind")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@click.option("--hidden", is_flag=True, help="Take hidden sheets too; without it they are only named.")
@click.option("--no-backup", is_flag=True, help="Make no backup before; there is one already.")
@click.option("--encoding", help="Encoding of a .csv or .txt file, such as gb18030; told by its bytes by default.")
@JSON
@click.pass_context
def import_command(
    context: click.Context,
    kind: str,
    file: Path,
    dry_run: bool,
    hidden: bool,
    no_backup: bool,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Bring in KIND (customers, sales, balances, services, products …) from FILE (.xlsx, .xls, .ods, .csv or .txt).

    A backup is made first, which undoes the import as a whole.
    """
    with house(context):
        known, called = [*OF_A_SALON, *importable()], kind_called(kind)
        if called is None:
            fail(_("%(kind)s cannot be imported; one of: %(known)s.", kind=kind, known=", ".join(dict.fromkeys(known))))
        open_house()
        if called == "balances":
            watch_files()  # a tier that was added to the file counts
        save = None if no_backup else lambda: save_before_import(me())
        report = import_file(called, file, me(), dry_run, hidden, save, encoding)
        answer(report.counts(), as_json, lambda: _import_lines(report))


IMPORT_COUNTS = ("sheet", "rows", "created", "updated", "unchanged", "duplicates", "refused", "lost")


def _import_lines(report: FileReport) -> list[str]:
    told: list[str] = []
    if report.encoding:
        told.append(_("Read as %(encoding)s.", encoding=report.encoding))
    for sheet in report.sheets:
        counts = sheet.counts()
        told += sheet.lines()
        told.append(
            _(
                "%(sheet)s: %(rows)s rows, %(created)s taken, %(updated)s corrected, %(unchanged)s there already, "
                "%(duplicates)s duplicates, %(refused)s refused, %(lost)s cells left out.",
                **{name: counts[name] for name in IMPORT_COUNTS},
            )
        )
        if sheet.unused:
            columns = "、".join(sheet.unused)
            told.append(_("%(sheet)s: columns not used: %(columns)s", sheet=counts["sheet"], columns=columns))
        for target, names in sheet.also.get("made", {}).items():
            label = entity_named(target).label
            told.append(_("%(entity)s, new: %(names)s", entity=label, names="、".join(names)))
    if report.made_store:
        told.append(_("%(entity)s, new: %(names)s", entity=Store.label, names=report.made_store))
    for name, number, text in report.aside:
        told.append(_("%(sheet)s, row %(row)s is no data: %(text)s", sheet=name, row=number, text=text))
    told += [_("%(sheet)s: left alone.", sheet=name) for name in report.left]
    told += [_("%(sheet)s: hidden, left alone; --hidden takes it.", sheet=name) for name in report.hidden]
    if report.failed_file:
        told.append(_("What was not taken: %(file)s", file=report.failed_file))
    if report.backup:
        told.append(_("To undo all of it: python run.py restore %(file)s", file=report.backup))
    return told


@click.command("doctor")
@JSON
@click.pass_context
def doctor_command(context: click.Context, as_json: bool) -> None:
    """Prove the books: schema, references, log chain, receipts, tags; exit 1 on any fault."""
    with house(context):
        need_salon()
        check_keys()

        def told(finding: Finding) -> None:
            if not as_json:
                for line in _finding_lines(finding):
                    click.echo(line)

        found = examine(told)
        sound = not any(finding.faults for finding in found)
        if as_json:
            answer({"sound": sound, "checks": {f.name: f.as_json() for f in found}}, True, list)
    sys.exit(0 if sound else BAD)


def _finding_lines(finding: Finding) -> list[str]:
    state = _("sound") if not finding.faults else ngettext("%(num)d fault", "%(num)d faults", len(finding.faults))
    return [
        f"{finding.label}: {state} ({finding.looked_at:,})",
        *(f"  {fault}" for fault in finding.faults),
    ]


COMMANDS: list[Any] = [check_command, evaluate_command, import_command, doctor_command]
