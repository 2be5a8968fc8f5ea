"""A stand-in for the service, in memory, for tests of planning, sending and resuming; it knows nothing of rules.

It checks the shape of requests by the API's contract, replays answers by key, keeps receipt numbers unique and refuses
to take back more than was bought. A point for each full hundred of a line's paid money; a point redeems one minor unit.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Json = dict[str, Any]

KEPT = {"identifier_taken", "duplicate_receipt", "return_exceeds_purchase"}


class Refusal(Exception):
    """A problem answer."""

    def __init__(self, status: int, code: str, *, pointer: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.body: Json = {"type": "about:blank", "title": code, "status": status, "code": code}
        if pointer is not None:
            self.body["errors"] = [{"pointer": pointer, "code": code, "message": code}]


@dataclass
class Bought:
    """One line of a purchase and how much of it came back."""

    qty: int
    paid: int
    accrued: int
    redeemed: int
    returned: int = 0

    def share(self, total: int) -> int:
        """Half-up share of a whole that the returned quantity stands for."""
        return (2 * total * self.returned + self.qty) // (2 * self.qty)


@dataclass
class FakeService:
    """The books of one till, `S1` `T1`. `oldest_at` refuses receipts from before it, as AT_MAX_AGE_HOURS would."""

    key: str = "till-key"
    oldest_at: str = ""
    customers: dict[str, str] = field(default_factory=dict)
    points: Counter[str] = field(default_factory=Counter)
    purchases: dict[str, dict[str, Bought]] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    answers: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    refuse_receipts: dict[str, str] = field(default_factory=dict)
    requests: int = 0

    def app(self) -> Starlette:
        """The ASGI application over these books."""
        return Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/v1/customers", self._write, methods=["POST"]),
                Route("/v1/accrue", self._write, methods=["POST"]),
                Route("/v1/purchases/{id}/returns", self._write, methods=["POST"]),
            ]
        )

    def books(self) -> tuple[Any, ...]:
        """All that a replayed request must not change."""
        lines = {id_: {line: vars(bought) for line, bought in kept.items()} for id_, kept in self.purchases.items()}
        return dict(self.customers), dict(self.points), json.dumps(lines, sort_keys=True), sorted(self.receipts)

    async def _live(self, request: Request) -> Response:
        return Response(b"{}", media_type="application/json")

    async def _write(self, request: Request) -> Response:
        self.requests += 1
        content = await request.body()
        try:
            status, body, is_replayed = self._decide(request, json.loads(content))
        except Refusal as refusal:
            status, body, is_replayed = refusal.status, json.dumps(refusal.body).encode(), False
        headers = {"Idempotent-Replayed": "true"} if is_replayed else {}
        return Response(body, status_code=status, media_type="application/json", headers=headers)

    def _decide(self, request: Request, document: Json) -> tuple[int, bytes, bool]:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refusal(401, "unauthenticated")
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
            raise Refusal(400, "idempotency_key_invalid")
        what = json.dumps([request.method, request.url.path, document], sort_keys=True)
        if key in self.answers:
            before, status, body = self.answers[key]
            if before != what:
                raise Refusal(422, "idempotency_key_reused")
            return status, body, True
        status, body = self._post(request, document)
        self.answers[key] = (what, status, body)
        return status, body, False

    def _post(self, request: Request, document: Json) -> tuple[int, bytes]:
        try:
            if request.url.path == "/v1/customers":
                answer = self._register(document)
            elif request.url.path == "/v1/accrue":
                answer = self._accrue(document)
            else:
                answer = self._return(request.path_params["id"], document)
        except Refusal as refusal:
            if refusal.body["code"] not in KEPT:
                raise
            return refusal.status, json.dumps(refusal.body).encode()
        return 201, json.dumps(answer).encode()

    def _register(self, document: Json) -> Json:
        only(document, "card", pointer="")
        if document["card"] in self.customers:
            raise Refusal(409, "identifier_taken")
        self.customers[document["card"]] = f"customer-{len(self.customers) + 1}"
        return {"id": self.customers[document["card"]]}

    def _claim(self, document: Json) -> None:
        only(document["receipt"], "number", pointer="/receipt")
        number = document["receipt"]["number"]
        if number in self.refuse_receipts:
            raise Refusal(409 if self.refuse_receipts[number] in KEPT else 422, self.refuse_receipts[number])
        if number in self.receipts:
            raise Refusal(409, "duplicate_receipt")
        self.receipts.append(number)

    def _accrue(self, document: Json) -> Json:
        only(document, "customer", "receipt", "at", "basket", "redeem", pointer="")
        only(document["basket"], "lines", pointer="/basket")
        lines = document["basket"]["lines"]
        for place, line in enumerate(lines):
            check_line(line, pointer=f"/basket/lines/{place}")
        if not 1 <= len(lines) <= 500 or len({line["id"] for line in lines}) != len(lines):
            raise Refusal(422, "limit_exceeded", pointer="/basket/lines")
        if document["at"] < self.oldest_at:
            raise Refusal(422, "validation_error", pointer="/at")
        customer = None
        if "customer" in document:
            customer = self.customers.get(document["customer"]["card"])
            if customer is None:
                raise Refusal(404, "customer_not_found")
        self._claim(document)
        return self._commit(document, customer=customer)

    def _commit(self, document: Json, *, customer: str | None) -> Json:
        lines = document["basket"]["lines"]
        gross = sum(line["qty"] * line["price"] for line in lines)
        left = 0
        if "redeem" in document:
            if customer is None or document["redeem"] != {"points": "max"}:
                raise Refusal(422, "validation_error", pointer="/redeem")
            left = min(self.points[customer], gross)
        redeemed = left
        kept: dict[str, Bought] = {}
        for line in lines:
            line_gross = line["qty"] * line["price"]
            part = min(left, line_gross)
            left -= part
            paid = line_gross - part
            kept[line["id"]] = Bought(qty=line["qty"], paid=paid, accrued=paid // 100 if customer else 0, redeemed=part)
        accrued = sum(bought.accrued for bought in kept.values())
        if customer is not None:
            self.points[customer] += accrued - redeemed
        purchase_id = f"purchase-{len(self.purchases) + 1}"
        self.purchases[purchase_id] = kept
        self.owners[purchase_id] = customer
        totals = {"gross": gross, "discount": 0, "redeemed": redeemed, "paid": gross - redeemed}
        units = {"redeemed_units": {"points": redeemed} if redeemed else {}, "accrued": {"points": accrued}}
        return {"id": purchase_id, "tx_id": purchase_id, "state": "committed", "totals": totals | units}

    def _return(self, purchase_id: str, document: Json) -> Json:
        only(document, "receipt", "lines", pointer="")
        kept = self.purchases.get(purchase_id)
        if kept is None:
            raise Refusal(404, "not_found")
        for line in document["lines"]:
            only(line, "id", "qty", pointer="/lines")
            if line["qty"] > kept[line["id"]].qty - kept[line["id"]].returned:
                raise Refusal(409, "return_exceeds_purchase")
        self._claim(document)
        answers: list[Json] = []
        for line in document["lines"]:
            bought = kept[line["id"]]
            wholes = (bought.paid, bought.accrued, bought.redeemed)
            before = [bought.share(whole) for whole in wholes]
            bought.returned += line["qty"]
            refund, taken, given = (bought.share(w) - b for w, b in zip(wholes, before, strict=True))
            answers.append({"id": line["id"], "qty": line["qty"], "refund": refund, "taken": taken, "given": given})
        taken_back, given_back = (sum(answer.pop(name) for answer in answers) for name in ("taken", "given"))
        owner = self.owners[purchase_id]
        if owner is not None:
            self.points[owner] += given_back - taken_back
        return {
            "id": f"return-{len(self.receipts)}",
            "refund": sum(answer["refund"] for answer in answers),
            "lines": answers,
            "taken_back": {"points": taken_back},
            "given_back": {"points": given_back},
        }


def only(document: Json, *names: str, pointer: str) -> None:
    """Refuses unknown fields."""
    for name in document:
        if name not in names:
            raise Refusal(422, "validation_error", pointer=f"{pointer}/{name}")


def check_line(line: Json, *, pointer: str) -> None:
    """Refuses a basket line that the contract doesn't allow."""
    only(line, "id", "sku", "name", "category", "tags", "qty", "price", pointer=pointer)
    if not isinstance(line["qty"], int) or not 0 < line["qty"] <= 10**6:
        raise Refusal(422, "validation_error", pointer=f"{pointer}/qty")
    if not isinstance(line["price"], int) or line["price"] < 0:
        raise Refusal(422, "validation_error", pointer=f"{pointer}/price")
