"""Calls that write nothing."""

import random

from tests.chaos.calls.parts import basket
from tests.chaos.journal import Request
from tests.chaos.world import World


def quote(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    body = {"customer": {"card": customer.card}, "basket": basket(luck), "redeem": {"points": "max"}}
    return [Request("quote", "POST", "/v1/quote", body, customer.id)]


def lookup(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    return [Request("lookup", "POST", "/v1/customers/lookup", {"customer": {"card": customer.card}}, customer.id)]


def balance(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    return [Request("balance", "GET", f"/v1/customers/{customer.id}/balance", None, customer.id)]


def sure_balance(world: World, luck: random.Random) -> list[Request]:
    """At least as new as what the till has seen; the version is put in when it is sent."""
    customer = world.someone(luck)
    return [Request("balance at least", "GET", f"/v1/customers/{customer.id}/balance", None, customer.id)]


def history(world: World, luck: random.Random) -> list[Request]:
    customer = world.someone(luck)
    what = luck.choice(["history?limit=20", "lots?limit=20"])
    return [Request("history", "GET", f"/v1/customers/{customer.id}/{what}", None, customer.id)]


def purchase(world: World, luck: random.Random) -> list[Request]:
    if not world.bought:
        return []
    bought = luck.choice(world.bought)
    return [Request("purchase", "GET", f"/v1/purchases/{bought.id}", None, bought.customer, purchase=bought.id)]
