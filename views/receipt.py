"""The receipt of a sale: on the screen, on the till's paper, as a PDF."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, render_template, request
from sqlalchemy import select

from admin_app.documents.receipts import PAPERS, receipt_pdf, roll_length, slip_of
from admin_app.operations.refusals import Forbidden, Missing
from models.entity import db
from models.sales import Sale
from rules.documents.roles import Action
from views.person import access, refuse


def register(app: Flask) -> None:
    app.add_url_rule("/receipt/<number>/", "receipt", receipt_page)


def receipt_page(number: str) -> Any:
    """The receipt of the sale with this public number; ``?paper=58`` or ``80``, ``?format=pdf``."""
    if not access().may(Action.VIEW, Sale):
        raise refuse(Forbidden, "receipt", "sale")
    sale = db.session.scalar(select(Sale).where(Sale.public_id == number, access().rows(Sale)))
    if sale is None:
        raise refuse(Missing, "receipt", "sale")
    slip = slip_of(db.session(), sale, access())
    paper = next((one for one in PAPERS if request.args.get("paper") == str(one)), None)
    if request.args.get("format") == "pdf":
        answer = Response(receipt_pdf(slip, paper or PAPERS[-1]), mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="{slip.number}.pdf"'
        return answer
    length = roll_length(slip, paper) if paper else None
    return render_template("receipt.html", slip=slip, paper=paper, length=length, papers=PAPERS)
