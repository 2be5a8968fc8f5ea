"""Errands under programs that have everything: codes are made, acts are told, tickets are drawn; names of rules, caps
and codes are the story's own, since what was counted of a name stays counted.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import orjson

from tests.domain.words import differing
from tests.e2e.errands import Errands, assert_refused, sale, told_of_sale
from tests.e2e.town import START
from tests.model.arithmetic import Json
from tests.model.play import ACTS_SHOP, Outcome, Player, at_of
from tests.model.redemption import Refused

OWN = re.compile(r'"([rc]\d|POOL-[AB]|(?:spring|summer|mine-1) ?)"', re.IGNORECASE)


@dataclass(slots=True)
class WholeErrands(Errands):
    """One story; `number` makes its names its own. Call `prepare` before the program is published."""

    number: int = 0
    secret_of: Callable[[date], bytes] | None = None
    made: dict[str, str] = field(default_factory=dict)  # The service's codes by the story's names of them.
    is_quoting: bool = True  # Not where the service hasn't heard of the time: quotes go by its own clock.

    def __post_init__(self) -> None:
        self.program, self.operations = self._own(self.program), [self._own(each) for each in self.operations]
        self.player = Player(self.program, self.operations, secret_of=self.secret_of)

    def _own(self, document: Any) -> Any:
        text = orjson.dumps(document).decode()
        return orjson.loads(OWN.sub(lambda found: f'"{self._renamed(found[1])}"', text))

    def in_own_words(self, operation: Any) -> Any:
        """An operation thought of later, once everything is prepared."""
        operation = self._own(operation)
        for name, code in self.made.items():
            operation = renamed(operation, name, code)
        return operation

    def _renamed(self, name: str) -> str:
        return f"{name.rstrip()}-{self.number}{' ' if name.endswith(' ') else ''}"

    async def prepare(self, now: datetime) -> None:
        """Register everyone, let campaigns begin as of now, make the codes of the story's first operation; pools' are
        made up by the service.
        """
        await self.register()
        for rule in self.program["rules"]:
            for name in rule.keys() & {"from", "until"}:
                rule[name] = (datetime.fromisoformat(rule[name]) + (now - START)).isoformat()
        codes = self.operations[0]["codes"]
        for pool in sorted({each["pool"] for each in codes.values() if each.get("pool")}):
            mine = sorted(code for code, each in codes.items() if each.get("pool") == pool)
            body = {"pool": pool, "count": len(mine), **terms(codes[mine[0]], now)}
            answer = await self.office.good("POST", "/v1/coupons", body)
            self.made |= dict(zip(mine, sorted(answer["codes"]), strict=True))
        for code, each in codes.items():
            if not each.get("pool"):
                body = {"code": code, **terms(each, now)}
                if each.get("customer") is not None and str(each["customer"]) in self.customers:
                    body["customer"] = {"id": self.customers[str(each["customer"])]["id"]}
                await self.office.good("POST", "/v1/coupons", body)
        for name, code in self.made.items():
            self.program, self.operations = renamed(self.program, name, code), renamed(self.operations, name, code)
        self.player = Player(self.program, self.operations, secret_of=self.secret_of)
        self.player.perform(self.operations[0], now=now)

    async def perform(self, operation: Json, *, now: datetime) -> None:
        if operation["op"] == "codes":
            return
        if operation["op"] == "purchase":
            await self._buy({**operation, "number": f"W{self.number}-{len(self.bought)}"}, now)
        elif operation["op"] == "hold":
            await Errands.perform(self, {**operation, "number": f"W{self.number}-{len(self.bought)}"}, now=now)
        elif operation["op"] == "event":
            await self._tell_of(operation, now)
        else:
            await Errands.perform(self, operation, now=now)

    async def _buy(self, operation: Json, now: datetime) -> None:
        """A quote, which draws nothing, and the purchase."""
        self.log.append({"now": now.isoformat(), **operation})
        promised = deepcopy(self.player)
        promised.books.secret_of = None
        quotable = promised.perform(operation, now=now)
        outcome = self.player.perform(operation, now=now)
        desk = self.desks[operation["shop"], operation["channel"]]
        body = {"at": at_of(operation, now).isoformat(), "basket": operation["basket"], "redeem": operation["redeem"]}
        if operation["customer"] is not None:
            body["customer"] = self._ref(operation["customer"], operation["identified_by"])
        quoted = await desk.post("/v1/quote", body) if self.is_quoting else None
        sold = await self._post(desk, "/v1/accrue", {**body, "receipt": {"number": operation["number"]}})
        self.bought.append(None if isinstance(outcome, Refused) else (desk, sold.json(), operation["number"]))
        for answer, status, expected in ((quoted, 200, quotable), (sold, 201, outcome)):
            if answer is None:
                continue
            if isinstance(expected, Refused):
                if operation["redeem"].get("rewards"):
                    assert answer.json().get("code") in expected.codes, f"{answer.text}, the model: {expected.codes}"
                else:
                    assert_refused(answer, expected)
                continue
            assert answer.status_code == status, answer.text
            got = sale(answer.json()) | told(answer.json())
            wanted = told_of_sale(expected or {}, self.books.program) | told_by_model(expected or {})
            assert got == wanted, f"{answer.request.url.path}: {differing(got, wanted)}"
        if isinstance(outcome, dict):
            codes = [code for each in sold.json()["effects"] for code in each.get("codes", [])]
            assert codes == [code for each in outcome["effects"] for code in each.get("codes", [])]

    def check_sale(self, answer: httpx.Response, operation: Json, outcome: Outcome) -> None:
        if isinstance(outcome, Refused) and operation.get("redeem", {}).get("rewards"):
            assert answer.json().get("code") in outcome.codes, f"{answer.text}, the model: {outcome.codes}"
            return
        Errands.check_sale(self, answer, operation, outcome)
        if isinstance(outcome, dict):
            got, wanted = told(answer.json()), told_by_model(outcome)
            assert got == wanted, f"{operation['op']}: {differing(got, wanted)}"
            codes = [code for each in answer.json()["effects"] for code in each.get("codes", [])]
            assert codes == [code for each in outcome["effects"] for code in each.get("codes", [])]

    async def _tell_of(self, operation: Json, now: datetime) -> None:
        self.log.append({"now": now.isoformat(), **operation})
        outcome: Outcome = self.player.perform(operation, now=now)
        path = f"/v1/customers/{self.customers[str(operation['customer'])]['id']}/events"
        body = {"type": operation["type"], "at": at_of(operation, now).isoformat()}
        answer = await self._post(self.desks[ACTS_SHOP, "online"], path, body)
        assert answer.status_code == 201, answer.text
        assert isinstance(outcome, dict)
        told = answer.json()
        assert {wallet: units for wallet, units in told["accrued"].items() if units} == outcome["totals"]["accrued"]
        assert told["balances"] == outcome["balances"]
        assert effects(told["effects"]) == effects(outcome["effects"])


def renamed(document: Any, name: str, code: str) -> Any:
    return orjson.loads(orjson.dumps(document).decode().replace(f'"{name}"', f'"{code}"'))


def terms(each: Json, now: datetime) -> Json:
    """A code's bounds, as the call takes them."""
    made: Json = {"uses": each.get("uses_max", 1), "uses_per_customer": each.get("per_customer")}
    for name, days in (("from", each.get("start_in")), ("until", each.get("end_in"))):
        if days is not None:
            made[name] = (now + timedelta(days=days)).isoformat()
    return made


def told(answer: Json) -> Json:
    """What is compared of a quote's and a purchase's answer besides `sale`."""
    return {
        "coupons": [(each["code"], each["verdict"]) for each in answer["coupons"]],
        "draws": [(each["rule"], each["ticket"], each["prize"]) for each in answer["draws"]],
        "surprise": answer["surprise"],
        "effects": effects(answer["effects"]),
    }


def told_by_model(outcome: Json) -> Json:
    return told({**outcome, "surprise": {"possible": outcome["surprise"]}})


def effects(each: list[Json]) -> list[Any]:
    """Only those that gave."""
    names = ("rule", "kind", "wallet", "gift", "coupon", "given")
    return [tuple(effect.get(name) for name in names) for effect in each if effect["given"]]
