"""Plays the model's operations through HTTP, each held against what the model answers.

Every purchase is quoted and every return previewed before it is made; some requests are sent twice.
"""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import count
from typing import Any

import httpx

from tests.domain.words import differing
from tests.kit import Desk
from tests.model.arithmetic import Json, number
from tests.model.holds import Holds
from tests.model.play import Outcome, Player, at_of, customer_ids
from tests.model.redemption import Refused

_SERIAL = count(1)
REPEATED_EVERY = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that was placed: where, its id, of a basket its place among `bought` and its receipt's number."""

    desk: Desk
    id: str
    place: int | None = None
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request and its answer."""

    desk: Desk
    path: str
    body: Json
    key: str
    answer: httpx.Response


@dataclass(slots=True)
class Errands:
    """One sequence on its way through the service, beside the same on the model's books.

    `desks` are the shops' by (shop, channel), `office` may adjust. `log` tells what was done so far.
    """

    office: Desk
    desks: dict[tuple[str, str], Desk]
    program: Json
    operations: list[Json]
    player: Player = field(init=False)
    customers: dict[str, Json] = field(default_factory=dict)  # `id`, `card` and `phone` by the model's name.
    bought: list[tuple[Desk, Json, str] | None] = field(
        default_factory=list
    )  # Where, the answer, the receipt's number; None also for a held basket that isn't captured.
    held: list[Held | None] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)  # What has a definite answer.
    log: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.player = Player(self.program, self.operations)

    @property
    def books(self) -> Holds:
        return self.player.books

    async def register(self) -> None:
        for name in customer_ids(self.operations):
            serial = next(_SERIAL)
            ref = {"card": f"CARD{serial}", "phone": f"+7900{serial:07}"}
            self.customers[name] = {**ref, "id": await self.office.register(**ref)}

    async def perform(self, operation: Json, *, now: datetime) -> None:
        """One operation, both ways; raises AssertionError where they differ."""
        self.log.append({"now": now.isoformat(), **operation})
        outcome = self.player.perform(operation, now=now)
        match operation["op"]:
            case "purchase":
                await self._purchase(operation, outcome, now)
            case "return":
                await self._return(operation, outcome)
            case "hold":
                await self._hold(operation, outcome, now)
            case "hold_points":
                await self._hold_points(operation, outcome)
            case "capture":
                await self._capture(operation, outcome)
            case "release":
                await self._release(operation, outcome)
            case "redeem":
                ref = self._ref(operation["customer"], operation["identified_by"])
                body = {"wallet": operation["wallet"], "points": operation["points"], "reason": "a gift"}
                desk = next(iter(self.desks.values()))
                sold = {**body, "customer": ref, "receipt": {"number": f"G{next(_SERIAL)}"}}
                self._check_posted(await self._post(desk, "/v1/redeem", sold), outcome)
            case "adjust":
                body = {"wallet": operation["wallet"], "points": operation["points"], "reason": "a correction"}
                path = f"/v1/customers/{self.customers[str(operation['customer'])]['id']}/adjust"
                self._check_posted(await self._post(self.office, path, body), outcome)

    async def _purchase(self, operation: Json, outcome: Outcome, now: datetime) -> None:
        desk = self.desks[operation["shop"], operation["channel"]]
        receipt = f"R{next(_SERIAL)}"
        body = {"at": at_of(operation, now).isoformat(), "basket": operation["basket"], "redeem": operation["redeem"]}
        if operation["customer"] is not None:
            body["customer"] = self._ref(operation["customer"], operation["identified_by"])
        quoted = await desk.post("/v1/quote", body)
        sold = await self._post(desk, "/v1/accrue", {**body, "receipt": {"number": receipt}})
        self.bought.append(None if isinstance(outcome, Refused) else (desk, sold.json(), receipt))
        for answer, status in ((quoted, 200), (sold, 201)):
            if isinstance(outcome, Refused):
                assert_refused(answer, outcome)
            else:
                assert answer.status_code == status, answer.text
                assert sale(answer.json()) == told_of_sale(outcome or {}, self.books.program)

    async def _return(self, operation: Json, outcome: Outcome) -> None:
        bought = self.bought[operation["purchase"]]
        if bought is None or outcome is None:
            assert (outcome, bought) == (None, None)
            return
        desk, purchase, receipt = bought
        wanted = {"all": True} if operation["lines"] is None else {"lines": operation["lines"]}
        body = {"receipt": {"number": f"V{next(_SERIAL)}"}, **wanted}
        path = f"/v1/purchases/{purchase['id']}/returns"
        preview = await desk.post(f"{path}?preview=true", body)
        if next(_SERIAL) % 2:
            path, body = "/v1/returns", {**body, "purchase": {"number": receipt}}
        made = await self._post(desk, path, body)
        for answer, status in ((preview, 200), (made, 201)):
            if isinstance(outcome, Refused):
                assert_refused(answer, outcome)
            else:
                assert answer.status_code == status, answer.text
                assert returned(answer.json()) == told_of_return(outcome)

    async def _hold(self, operation: Json, outcome: Outcome, now: datetime) -> None:
        desk = self.desks[operation["shop"], operation["channel"]]
        receipt = operation.get("number", f"R{next(_SERIAL)}")
        body = {
            "at": at_of(operation, now).isoformat(),
            **{name: operation[name] for name in ("basket", "redeem", "ttl_seconds")},
            "receipt": {"number": receipt},
        }
        if operation["customer"] is not None:
            body["customer"] = self._ref(operation["customer"], operation["identified_by"])
        answer = await self._post(desk, "/v1/holds", body)
        self.bought.append(None)
        self._note_hold(answer, outcome, desk, place=len(self.bought) - 1, receipt=receipt)
        self.check_sale(answer, operation, outcome)

    async def _hold_points(self, operation: Json, outcome: Outcome) -> None:
        desk = next(iter(self.desks.values()))
        body = {
            **{name: operation[name] for name in ("wallet", "points", "ttl_seconds")},
            "customer": self._ref(operation["customer"], operation["identified_by"]),
            "receipt": {"number": f"G{next(_SERIAL)}"},
            "reason": "a gift",
        }
        answer = await self._post(desk, "/v1/holds", body)
        self._note_hold(answer, outcome, desk)
        self._check_posted(answer, outcome)

    def _note_hold(
        self, answer: httpx.Response, outcome: Outcome, desk: Desk, *, place: int | None = None, receipt: str = ""
    ) -> None:
        is_there = answer.status_code == 201 and not isinstance(outcome, Refused)
        self.held.append(Held(desk, answer.json()["id"], place, receipt) if is_there else None)

    async def _capture(self, operation: Json, outcome: Outcome) -> None:
        held = self.held[operation["hold"]]
        if held is None or outcome is None:
            assert (outcome, held) == (None, None)
            return
        body = {} if operation["lines"] is None else {"lines": operation["lines"]}
        answer = await self._post(held.desk, f"/v1/holds/{held.id}/capture", body)
        if held.place is None:
            self._check_posted(answer, outcome)
            return
        if not isinstance(outcome, Refused) and answer.status_code == 201:
            self.bought[held.place] = (held.desk, answer.json(), held.receipt)
        self.check_sale(answer, operation, outcome)

    async def _release(self, operation: Json, outcome: Outcome) -> None:
        held = self.held[operation["hold"]]
        if held is None or outcome is None:
            assert (outcome, held) == (None, None)
            return
        answer = await self._post(held.desk, f"/v1/holds/{held.id}/release", {})
        if isinstance(outcome, Refused):
            assert_refused(answer, outcome)
            return
        assert answer.status_code == 201, answer.text
        names = ("given_back", "expired_again", "balances")
        assert {name: answer.json()[name] for name in names} == {name: outcome[name] for name in names}

    def check_sale(self, answer: httpx.Response, operation: Json, outcome: Outcome) -> None:
        """A hold's or a capture's answer."""
        if isinstance(outcome, Refused):
            assert_refused(answer, outcome)
            return
        assert answer.status_code == 201, answer.text
        got, wanted = sale(answer.json()), told_of_sale(outcome or {}, self.books.program)
        assert got == wanted, f"{operation['op']}: {differing(got, wanted)}"

    def _check_posted(self, answer: httpx.Response, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            assert_refused(answer, outcome)
        else:
            assert answer.status_code == 201, answer.text
            assert answer.json()["balances"] == (outcome or {})["balances"]

    async def _post(self, desk: Desk, path: str, body: Json) -> httpx.Response:
        """Send it, now and then twice."""
        serial = next(_SERIAL)
        answer = await desk.post(path, body, key=f"errand-{serial}")
        self.log.append([path, answer.status_code, answer.json()])
        if answer.is_success or answer.status_code == 409:
            self.sent.append(Sent(desk, path, body, f"errand-{serial}", answer))
            if serial % REPEATED_EVERY == 0:
                await self.ask_again(self.sent[-1])
        return answer

    async def ask_again(self, sent: Sent) -> None:
        """The same request under its key: the same bytes."""
        again = await sent.desk.post(sent.path, sent.body, key=sent.key)
        assert (again.status_code, again.content) == (sent.answer.status_code, sent.answer.content)
        assert again.headers["Idempotent-Replayed"] == "true"

    def _ref(self, customer: int, identified_by: str) -> dict[str, str]:
        return {identified_by: self.customers[str(customer)][identified_by]}


def assert_refused(answer: httpx.Response, outcome: Refused) -> None:
    assert answer.json().get("code") == outcome.code, f"{answer.text}, the model refuses for {outcome.codes}"


def sale(answer: Json) -> Json:
    """What is compared of a quote's and a purchase's answer."""
    names = ("id", "gross", "discount", "redeemed", "paid", "accrued", "prices", "parts")
    return {
        "totals": answer["totals"],
        "lines": [
            {**{name: line[name] for name in names}, "prices": priced(line["prices"])} for line in answer["lines"]
        ],
        "balances": answer["balances"],
    }


def told_of_sale(outcome: Json, program: Json) -> Json:
    """The same of the model's."""
    accrued = {wallet: outcome["totals"]["accrued"].get(wallet, 0) for wallet in program["wallets"]}
    lines = [
        {
            **{name: value for name, value in line.items() if name not in ("redeemed_units", "reward_costs", "kept")},
            "prices": priced(line["prices"]),
        }
        for line in outcome["lines"]
    ]
    totals = {**outcome["totals"], "accrued": accrued}
    return {"totals": totals, "lines": lines, "balances": outcome["balances"]}


def priced(prices: list[Json]) -> list[tuple[Fraction, int]]:
    """Quantities with what one costs, or with what a fractional one costs together."""
    return [(number(each["qty"]), each["amount" if "amount" in each else "price"]) for each in prices]


def returned(answer: Json) -> Json:
    names = ("refund", "lines", "taken_back", "given_back", "expired_again", "clamped", "balances")
    return {**{name: answer[name] for name in names}, "lines": {line["id"]: line for line in answer["lines"]}}


def told_of_return(outcome: Json) -> Json:
    lines = {line["id"]: {**line, "qty": quantity(line["qty"])} for line in outcome["lines"]}
    told = {name: value for name, value in outcome.items() if name != "purchase"}
    return {**told, "lines": lines}


def quantity(exact: Any) -> int | str:
    """As answers write it."""
    return int(exact) if exact == int(exact) else f"{float(exact):.3f}".rstrip("0")
