"""Sales of the services that the demo's salon sells seldom: a few lines of its history are for one of them."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

from models.customers import Sex
from models.sales import LineKind
from seed import menu
from seed.people import Person
from seed.rota import Rota
from seed.team import gives
from seed.till import Tables
from seed.when import When

CHANCE = 0.12
"""Of the lines that can be for another service of the same price, how many are."""


def sell_seldom(random: Random, when: When, everybody: list[Person], rota: Rota, rows: Tables) -> None:
    """Put services sold seldom in place of everyday ones of the same price: amounts, ids and payments stay.

    Another person gives it when the one of the line cannot; cards, stories, men and allergies are left alone.
    """
    instead = _same_price()
    shares: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for share in rows.shares:
        shares[share["sale_line_id"]].append(share)
    for line in rows.lines:
        choice = instead.get(line["service_id"]) if line["card_item_id"] is None else None
        if line["kind"] is not LineKind.SERVICE or choice is None or random.random() >= CHANCE:
            continue
        service, sale = random.choice(choice), rows.sales[line["sale_id"] - 1]
        if len(shares[line["id"]]) > 1 or not _may_have_another(everybody[sale["customer_id"] - 1]):
            continue
        [share] = shares[line["id"]]
        giver = _giver(random, when, rota, sale, service, share["staff_id"])
        if giver is not None:
            line |= {"service_id": service, "item": menu.service(service)["name"]}
            share["staff_id"] = giver


def _same_price() -> dict[int, list[int]]:
    """By everyday service, those sold seldom that cost as much."""
    price = {number: menu.service(number)["price"] for number in (*menu.EVERYDAY, *menu.SELDOM)}
    found = {one: [other for other in menu.SELDOM if price[other] == price[one]] for one in menu.EVERYDAY}
    return {one: others for one, others in found.items() if others}


def _may_have_another(person: Person) -> bool:
    return not person.story and person.row["sex"] is not Sex.MALE and not person.allergic


def _giver(random: Random, when: When, rota: Rota, sale: dict[str, Any], service: int, first: int) -> int | None:
    """The ``first`` if able, else somebody able who is there; None when nobody is."""
    at = sale["sold_at"].astimezone(when.zone)
    there = rota.givers(sale["store_id"], sale["business_day"], at.hour * 60 + at.minute)
    able = [number for number in there if gives(rota.staff[number - 1]["level"], service)]
    if first in able or not able:
        return first if able else None
    return random.choice(able)
