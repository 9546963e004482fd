"""Approval from elsewhere: somebody asks, and whoever may allow it answers on a screen of their own."""

from __future__ import annotations

from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from pydantic import Field, ValidationError
from sqlalchemy import ColumnElement, select

from admin_app.operations.approvals import Approvable, add_approval, content_of, reasons_in, store_of_form
from admin_app.operations.kernel import Operation, begin_of_day, business_day, now, perform, quote
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, Spec, operation
from admin_app.values import money
from models.actor import SYSTEM, Actor
from models.catalogue import Product, Service
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.organisation import Store
from models.till import ApprovalRequest, RequestState

LONGEST_WORKING = 6_000


class AskInput(Input):
    """What is asked for: the operation, a digest of what is to be done, and what it comes to."""

    operation: str
    content: Annotated[str, Field(max_length=64)]
    store: Annotated[int, Ask(_l("Store"), to=Store)]
    customer: Annotated[int | None, Ask(_l("Customer"), to=Customer)] = None
    total: int | None = None
    working: Annotated[str, Field(max_length=LONGEST_WORKING)] = ""
    why: Annotated[str, Field(min_length=1, max_length=200)]


def _does_it(op: Operation, data: AskInput) -> bool:
    return op.access.does(data.operation)


@operation(Name.ASK_APPROVAL, label=_l("Ask for an approval"), permitted=_does_it, form=False)
def ask_approval(op: Operation, data: AskInput) -> Answer:
    """Ask whoever may allow it; what was asked for already today is not asked twice."""
    mine = (ApprovalRequest.asked_by == op.actor.id, ApprovalRequest.content == data.content)
    still_open = (of_today(), ApprovalRequest.state == RequestState.OPEN)
    request = op.session.scalar(select(ApprovalRequest).where(*mine, *still_open))
    if request is None:
        assert op.actor.id is not None
        request = ApprovalRequest(
            store_id=data.store,
            customer_id=data.customer,
            at=op.at,
            operation=data.operation,
            asked_by=op.actor.id,
            content=data.content,
            total=data.total,
            working=data.working or None,
            why=data.why,
        )
        op.session.add(request)
    op.store_id = data.store
    op.concerns(request)
    return {"id": request.id}


class AnswerInput(Input):
    """The answer to a request: yes or no, and what the one who asked should know."""

    request: Annotated[int, Ask(_l("Request for an approval"), to=ApprovalRequest)]
    allow: bool
    answer: Annotated[str, Field(max_length=200)] = ""


def _allows(op: Operation, data: AnswerInput) -> bool:
    return op.access.does(Name.ALLOW)


@operation(
    Name.ANSWER_REQUEST,
    label=_l("Answer a request for an approval"),
    on=ApprovalRequest,
    permitted=_allows,
    form=False,
)
def answer_request(op: Operation, data: AnswerInput) -> Answer:
    """Allow what was asked for, or refuse it. The approval is good for that alone, on this day."""
    request: ApprovalRequest = op.subject
    if request.asked_by == op.actor.id:
        raise Refused(_l("Nobody allows what they asked for themselves."), "request", "forbidden")
    if request.state is not RequestState.OPEN:
        raise Refused(_l("This request was answered already."), "request", "answered")
    if request.at < begin_of_day(op.day):
        raise Refused(_l("This was asked for on an earlier day. Let them ask again."), "request", "too_late")
    request.state = RequestState.ALLOWED if data.allow else RequestState.REFUSED
    request.answered_by, request.answered_at, request.answer = op.actor.id, op.at, data.answer or None
    op.store_id = request.store_id
    if data.allow:
        given = (request.store_id, request.operation, request.asked_by, request.content, request.why)
        request.approval_id = add_approval(op, *given).id
    op.concerns(request)
    return {"id": request.id, "approval": request.approval_id}


def of_today() -> ColumnElement[bool]:
    """The requests made on this business day, as a condition: those of earlier days are answered no more."""
    return ApprovalRequest.at >= begin_of_day(business_day(now()))


# ------------------------------------------------------------------------------------------ from the form that asks


def ask_for_approval(spec: Spec, values: dict[str, Any], actor: Actor) -> None:
    """Ask for an approval of just what a form holds.

    :raises Refused: it is refused for another reason, needs no approval, or says no reason.
    """
    data = spec.input.model_validate(values)
    assert isinstance(data, Approvable)
    shows_total = "shown_total" in spec.input.model_fields
    _ensure_needed(spec, values, actor, rehearse=not shows_total)
    answer = quote(spec.name, values, actor=SYSTEM) if shows_total else {"working": _given_away(values)}
    why = reasons_in(values)
    if not why:
        raise Refused(_l("Write the reason: whoever allows it reads nothing else."), "why")
    given = AskInput(
        operation=spec.name,
        content=content_of(spec.name, data),
        store=store_of_form(values, actor),
        customer=values.get("customer"),
        total=answer.get("total"),
        working="\n".join(map(_line_of, answer["working"])),
        why=why,
    )
    perform(Name.ASK_APPROVAL, given, actor=actor)


def _ensure_needed(spec: Spec, values: dict[str, Any], actor: Actor, *, rehearse: bool) -> None:
    try:
        quote(spec.name, values, actor=actor, rehearse=rehearse)
    except Refused as refusal:
        if refusal.code == "needs_approval":
            return
        raise
    raise Refused(_l("This needs no approval. Save it."), None, "needs_none")


def _line_of(line: list[Any]) -> str:
    """A line of a bill in one line of text: ``补水 × 1 = ¥200.00 (¥298.00)``, its full price in brackets."""
    item, quantity, price, discount, _reason, amount = line
    full = f" ({money(price * quantity)})" if discount else ""
    return f"{item} × {quantity} = {money(amount)}{full}"


def _given_away(values: dict[str, Any]) -> list[list[Any]]:
    """The one line of a gift, as a bill would have it."""
    session, quantity = db.session(), values.get("quantity") or 1
    thing = session.get(Service, values.get("service") or 0) or session.get(Product, values.get("product") or 0)
    return [] if thing is None else [[thing.name, quantity, thing.price, 0, "", thing.price * quantity]]


def request_of(spec: Spec, values: dict[str, Any], actor: Actor) -> ApprovalRequest | None:
    """The latest request that the actor made today for just what a form holds; None where its values fit no input."""
    if not issubclass(spec.input, Approvable):
        return None
    try:
        data = spec.input.model_validate(values)
    except ValidationError:
        return None
    mine = (ApprovalRequest.asked_by == actor.id, ApprovalRequest.content == content_of(spec.name, data))
    newest = select(ApprovalRequest).where(*mine, of_today()).order_by(ApprovalRequest.id.desc()).limit(1)
    return db.session.scalar(newest)
