"""The door: puts the parts together. Every command starts here."""

from __future__ import annotations

import gc
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said in a sentence instead of a syntax error
    sys.exit("Peony needs Python 3.11 or later; this is " + sys.version.split()[0] + ".")

try:
    gc.disable()  # nothing that is imported goes away again: to look for rubbish among it takes a third of the start
    import click
    from flask import Flask
    from flask_babel import gettext as _
except ImportError:
    sys.exit("The libraries are missing; run: pip install -r requirements.txt")

from admin_app import serving
from admin_app.commands import house, keeping, me, work
from admin_app.file_modes import keep_private
from admin_app.start import SignInCard, create_user, has_owner, is_new, log_start, serving_house
from seed import commands as seeding
from seed.demo import make_demo
from views import commands as screen_commands
from views import register_screens
from views.frontend import fetch_in_background

serving.stop_looking_through_what_is_there()


@click.group(invoke_without_command=True)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--database", "database_url", help="Database address, such as postgresql://…")
@click.option("--data-dir", "data_dir", help="Folder of the database, the keys and the backups.")
@click.option("--empty", is_flag=True, help="Begin without the demo salon.")
@click.pass_context
def main(context: click.Context, empty: bool, **given: object) -> None:
    """Peony 牡丹: a back office for beauty salons. Without a command it serves the pages."""
    keep_private()
    context.obj = given
    if context.invoked_subcommand is None:
        _serve(context, empty)


def _serve(context: click.Context, empty: bool) -> None:
    with house(context) as app:
        settings = app.config["PEONY"]
        serving.check_port(settings.host, settings.port)
        serving.say_hello(app)
        with serving_house() as made:
            _show(_first_users(empty))
            if not made:
                log_start()
            _serve_pages(app)


def _first_users(empty: bool) -> list[SignInCard]:
    """Those of the demo salon, or the owner alone; nobody where somebody can sign in already."""
    cards = make_demo() if is_new() and not empty else []
    if not cards and not has_owner():
        cards = [create_user("owner", "老板", "owner", me())]
    return cards


def _show(cards: list[SignInCard]) -> None:
    for card in cards:
        click.echo(f"  {card.role:<11} {card.login:<11} {card.password}")
    if cards:
        click.echo(_("These passwords are shown once; each must be changed at the first sign-in."))


def _serve_pages(app: Flask) -> None:
    settings = app.config["PEONY"]
    register_screens(app)
    fetch_in_background(app)
    address = f"{'https' if settings.https else 'http'}://{settings.host}:{settings.port}"

    def ready() -> None:
        click.echo(_("Peony is open at %(address)s (Ctrl-C ends it)", address=address))

    serving.serve(app, ready)


for _command in (*work.COMMANDS, *screen_commands.COMMANDS, *keeping.COMMANDS, *seeding.COMMANDS):
    main.add_command(_command)

if __name__ == "__main__":
    main(prog_name="python run.py")
