"""What a line of a receipt brings to those who sold and gave it: money in, value used, manual fee; each with why."""

from __future__ import annotations

from dataclasses import dataclass

from models.sales import LineKind, ShareManner, SharePart, ShareRole
from rules.decisions.pricing import share_of
from rules.documents.till import CommissionsDocument


@dataclass(frozen=True)
class Work:
    """One share of one line, with what its fee depends on (fen, thousandths)."""

    kind: LineKind
    role: ShareRole
    part: SharePart
    manner: ShareManner
    permille: int
    amount: int
    quantity: int
    service: str = ""
    service_fee: int = 0
    level: str | None = None


@dataclass(frozen=True)
class Earned:
    """What a share comes to: ``money_in`` and ``used`` are performance, ``fee`` is pay; ``because`` says how."""

    money_in: int
    used: int
    fee: int
    because: tuple[tuple[str, int], ...] = ()


def base_fee(document: CommissionsDocument, work: Work) -> tuple[int, bool]:
    """The manual fee of one treatment at this level; whether the level's factor is in it already."""
    own = [fee for fee in document.fees if fee.service == work.service and fee.level in (None, work.level)]
    if own:
        return max(own, key=lambda fee: fee.level is not None).fee, True
    return work.service_fee, False


def earned(document: CommissionsDocument, work: Work) -> Earned:
    """What one share earns. Services count as value used, and give a manual fee; what else is sold as money in."""
    part = share_of(work.amount, work.permille)
    if work.role is ShareRole.PERFORMER:
        return _performed(document, work, part)
    rates = {
        LineKind.RECHARGE: document.recharge,
        LineKind.CARD: document.cards,
        LineKind.PRODUCT: document.products,
    }
    rate = rates.get(work.kind, 0)
    return Earned(part, 0, share_of(part, rate), (("amount", work.amount), ("share", work.permille), ("rate", rate)))


def _performed(document: CommissionsDocument, work: Work, part: int) -> Earned:
    fee, settled = base_fee(document, work)
    because = [("fee", fee * work.quantity)]
    whole = fee * work.quantity
    level = next((one.of for one in document.levels if one.level == work.level), 1000)
    if not settled and level != 1000:
        whole = share_of(whole, level)
        because.append(("level", level))
    if work.manner is ShareManner.NAMED:
        whole = share_of(whole, document.named)
        because.append(("named", document.named))
    if work.permille != 1000:
        whole = share_of(whole, work.permille)
        because.append(("share", work.permille))
    return Earned(0, part, whole, tuple(because))


def lead_and_assistant(document: CommissionsDocument, assisted: bool) -> list[tuple[SharePart, int]]:
    """How a treatment is shared, in thousandths."""
    if not assisted:
        return [(SharePart.LEAD, 1000)]
    return [(SharePart.LEAD, 1000 - document.assistant), (SharePart.ASSISTANT, document.assistant)]
