"""The commands that keep the house: backup, restore, upgrade, accounts, worker, move, open-salon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from admin_app import backup, restore, upgrade
from admin_app.commands import fail, house, me, need_salon
from admin_app.ending import until_told_to_end
from admin_app.move import move_to
from admin_app.new_salon import open_salon
from admin_app.operations.house import BackUpInput
from admin_app.operations.kernel import perform
from admin_app.scheduler import start_clock
from admin_app.security.second_factor import factors_of
from admin_app.serving import stop_looking_through_what_is_there
from admin_app.start import check_keys, create_user, log_start, new_password, open_house, serving_house
from models.accounts import User
from models.entity import db
from models.names import Name


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def backup_command(context: click.Context, file: Path) -> None:
    """Write a whole, consistent copy of the database to FILE."""
    with house(context):
        open_house()
        size, digest = backup.back_up(file)
        perform(Name.BACK_UP, BackUpInput(path=file.name, size=size, sha256=digest), actor=me())
        click.echo(_("%(size)s bytes written to %(file)s. Keep the key file with it.", size=f"{size:,}", file=file))


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--back", is_flag=True, help="Take back a restore that was cut short.")
@click.pass_context
def restore_command(context: click.Context, file: Path | None, yes: bool, back: bool) -> None:
    """Check the backup FILE, then put it in the place of the database."""
    if (file is None) != back:
        raise click.UsageError("name a FILE, or --back")
    with house(context):
        if file is None:
            restore.take_back()
            click.echo(_("The database of before is in its place again."))
            return
        restore.check_there(file)
        if not yes:
            click.confirm(_("Everything done since that backup will be gone from the database. Go on?"), abort=True)
        for line in _restore_lines(restore.restore(file, me())):
            click.echo(line)


def _restore_lines(done: restore.Restored) -> list[str]:
    lines = []
    if done.before is not None:
        lines.append(_("What stood there before is in %(file)s.", file=done.before))
    if done.anchors is not None:
        lines.append(_("The log's anchors of after the backup are in %(file)s.", file=done.anchors))
    if not done.proved:
        lines.append(_("The backup was made before backups kept a hash; that no byte was changed could not be proved."))
    if done.current:
        return [*lines, _("Restored. Prove it with: python run.py doctor")]
    return [*lines, _("Restored; it is of an older release. Go on with: python run.py upgrade")]


@click.command("upgrade")
@click.option(
    "--mend-values", is_flag=True, help="Set numbers and dates that this release does not take to the nearest it takes."
)
@click.pass_context
def upgrade_command(context: click.Context, mend_values: bool) -> None:
    """Bring a database of an older release to this one, after a backup."""
    with house(context):
        restore.check_not_interrupted()
        if upgrade.standing() is not None:
            check_keys()
        done = upgrade.upgrade(mend=me() if mend_values else None)
        for line in (line for mended in done.mended for line in mended.lines()):
            click.echo(line)
        said = {"before": done.before, "after": done.after, "file": done.backup}
        if done.backup is None:
            click.echo(_("The database is of this release (%(revision)s) already.", revision=done.after))
        else:
            click.echo(_("From %(before)s to %(after)s; backup: %(file)s", **said))


@click.command("create-owner")
@click.argument("login", default="owner")
@click.option("--name", default="老板", help="What she is called.")
@click.pass_context
def create_owner_command(context: click.Context, login: str, name: str) -> None:
    """Make an owner's account and print its password, once."""
    with house(context):
        open_house()
        card = create_user(login, name, "owner", me())
        click.echo(f"{card.login}  {card.password}")


@click.command("reset-access")
@click.argument("login")
@click.pass_context
def reset_access_command(context: click.Context, login: str) -> None:
    """Give somebody who cannot sign in any more a new password, print it once, and remove their second factors."""
    with house(context):
        need_salon()
        user = db.session.scalar(select(User).where(User.login == login.strip().lower(), User.archived_at.is_(None)))
        if user is None:
            fail(_("Nobody signs in as %(login)s.", login=login))
        number, name = user.id, user.login
        if factors_of(db.session(), number):
            perform(Name.RESET_SECOND_FACTORS, {"user": number}, actor=me())
        click.echo(f"{name}  {new_password(number, me())}")


@click.command("worker")
@click.pass_context
def worker_command(context: click.Context) -> None:
    """Look after the schedules, without serving pages."""
    with house(context) as app, serving_house() as made:
        if not made:
            log_start()
        _work(app)


def _work(app: Flask) -> None:
    clock = start_clock(app)
    stop_looking_through_what_is_there()
    try:
        with until_told_to_end() as end:
            click.echo(_("Looking after the schedules. Ctrl-C ends it."))
            end.wait()
    finally:
        clock.shutdown()


@click.command("move")
@click.option("--to", "target", required=True, help="The address of an empty database.")
@click.pass_context
def move_command(context: click.Context, target: str) -> None:
    """Copy everything into another, empty database, and prove it there."""
    with house(context):
        need_salon()
        check_keys()
        rows = move_to(target)
        click.echo(
            ngettext(
                "%(rows)s row moved. Set PEONY_DATABASE_URL to the new address.",
                "%(rows)s rows moved. Set PEONY_DATABASE_URL to the new address.",
                rows,
                rows=f"{rows:,}",
            )
        )


@click.command("open-salon")
@click.argument("name")
@click.option("--login", default="owner", show_default=True, help="How the owner signs in.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def open_salon_command(context: click.Context, name: str, login: str, yes: bool) -> None:
    """Clear the demo and open a salon called NAME; the menu and the rules stay."""
    with house(context):
        open_house()
        if not yes:
            typed = click.prompt(_("Everything of the demo goes. Type the name of your salon once more"))
            if typed.strip() != name.strip():
                fail(_("The names are not the same; nothing was changed."))
        opened = open_salon(name, login, me())
        click.echo(_("The demo is in %(file)s. Keep the key file with it.", file=opened.backup))
        click.echo(f"{opened.login}  {opened.password}")


COMMANDS: list[Any] = [
    backup_command,
    restore_command,
    upgrade_command,
    create_owner_command,
    reset_access_command,
    worker_command,
    move_command,
    open_salon_command,
]
