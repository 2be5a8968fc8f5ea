"""A file of receipts becomes requests: registrations, purchases and returns, each with a fixed key and body.

Everything here follows from the file and the few settings the first run fixed, so a second run sends the same bytes
under the same keys, and the service answers each from memory.

- Every customer is registered right before their first receipt, by a card number made from their number in the file. No
  phone is made up: the numbers reserved for fiction are too few, and any other may be somebody's.
- Every `redeem_every`-th purchase of a customer redeems as much as the program allows (`"max"`).
- A cancellation becomes one return for each purchase it was matched with: `C541433`, or `C541433/1`, `C541433/2` …
  A return has no time of its own in the API.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from loadtest.receipts import cdnow, online_retail
from loadtest.receipts.baskets import Sale, SoldLine, baskets_of, count_adjustment
from loadtest.receipts.census import Census, LineTreatment, ReceiptTreatment
from loadtest.receipts.matching import Bought, Fate, Taken
from loadtest.receipts.model import Line, Note, Reading, Receipt, ReceiptKind, Source
from loadtest.receipts.moving import Moving

Json = dict[str, object]

CARD_PREFIXES = {Source.ONLINE_RETAIL: online_retail.CARD_PREFIX, Source.CDNOW: cdnow.CARD_PREFIX}
TIMEZONES = {Source.ONLINE_RETAIL: online_retail.TIMEZONE, Source.CDNOW: cdnow.TIMEZONE}


@dataclass(frozen=True, slots=True)
class Registration:
    """`POST /v1/customers` for one customer of the file."""

    customer: str
    key: str
    body: Json


@dataclass(frozen=True, slots=True)
class Purchase:
    """`POST /v1/accrue` of one basket. `gross` in minor units is what the answer has to say, too."""

    number: str
    customer: str | None
    key: str
    body: Json
    gross: int
    redeems: bool


@dataclass(frozen=True, slots=True)
class Return:
    """`POST /v1/purchases/{id}/returns`; the id is in the answer to the purchase of receipt `purchase`."""

    number: str
    purchase: str
    customer: str
    key: str
    body: Json
    units: dict[str, int]


Step = Registration | Purchase | Return


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in time order, and the count of what became of every line of the file."""

    steps: tuple[Step, ...]
    census: Census

    @property
    def receipts(self) -> int:
        """Steps that carry a receipt."""
        return sum(not isinstance(step, Registration) for step in self.steps)


def plan_requests(reading: Reading, *, moving: Moving, redeem_every: int, wallet: str) -> Plan:
    """Plans a whole file. `redeem_every` 0: no purchase redeems."""
    planner = _Planner(source=reading.source, moving=moving, redeem_every=redeem_every, wallet=wallet)
    planner.census.rows = reading.rows
    planner.census.notes.update(reading.notes)
    planner.census.faults.update(reading.faults)
    for receipt in reading.receipts:
        match receipt.kind:
            case ReceiptKind.SALE:
                planner.sell(receipt)
            case ReceiptKind.CANCELLATION:
                planner.take_back(receipt)
            case ReceiptKind.ADJUSTMENT:
                count_adjustment(receipt, census=planner.census)
    return Plan(steps=tuple(planner.steps), census=planner.census)


@dataclass(slots=True)
class _Planner:
    """What is known so far while receipts are planned one after another."""

    source: Source
    moving: Moving
    redeem_every: int
    wallet: str
    census: Census = field(default_factory=Census)
    steps: list[Step] = field(default_factory=list)
    bought: dict[str, Bought] = field(default_factory=dict)
    purchases: Counter[str] = field(default_factory=Counter)

    def sell(self, receipt: Receipt) -> None:
        """Plans the purchases of a sale."""
        for sale in baskets_of(receipt, census=self.census):
            customer = sale.customer
            if customer is not None:
                self._goods_of(customer).add(sale)
                self.purchases[customer] += 1
            self.steps.append(self._purchase(sale))

    def take_back(self, receipt: Receipt) -> None:
        """Plans the returns of a cancellation and counts the fate of each of its lines."""
        wanted = [line for line in receipt.lines if _comes_back(line)]
        for line in receipt.lines:
            if not _comes_back(line):
                self.census.line(_left_out(line), money=-line.money)
        returns, fates = self._match(receipt.customer, wanted)
        for line, fate in zip(wanted, fates, strict=True):
            self.census.line(fate.treatment, money=-line.money, matched=fate.found * line.price)
        self.census.receipt(
            _receipt_treatment(receipt.lines, fates),
            lines=len(receipt.lines),
            money=-sum(line.money for line in receipt.lines),
            matched=sum(fate.found * line.price for line, fate in zip(wanted, fates, strict=True)),
        )
        self.census.notes[Note.NO_CUSTOMER] += receipt.customer is None
        self.census.notes[Note.SERVICE_CODE] += sum(line.category is not None for line in receipt.lines)
        for part, taken in enumerate(returns, start=1):
            number = receipt.number if len(returns) == 1 else f"{receipt.number}/{part}"
            self.steps.append(self._return(number, taken, customer=receipt.customer or ""))

    def _match(
        self, customer: str | None, wanted: Sequence[Line]
    ) -> tuple[tuple[tuple[Taken, ...], ...], tuple[Fate, ...]]:
        if customer is None:
            # Purchases without a customer have no owner to search them by, and any shopper's could be anybody's.
            return (), tuple(Fate(treatment=LineTreatment.UNMATCHED_NO_CUSTOMER, found=0) for _ in wanted)
        match = self._goods_of(customer).take_back(wanted)
        return match.returns, match.fates

    def _goods_of(self, customer: str) -> Bought:
        """What a customer bought; plans the registration of one that is new, also of one who only ever cancels."""
        if customer not in self.bought:
            self.bought[customer] = Bought()
            key = self._key(f"customer/{customer}")
            self.steps.append(Registration(customer=customer, key=key, body={"card": self._card(customer)}))
        return self.bought[customer]

    def _key(self, what: str) -> str:
        # Printable ASCII within 255 characters, whatever a file calls its receipts.
        return f"replay/{self.source}/{quote(what, safe='/')}"

    def _card(self, customer: str) -> str:
        return f"{CARD_PREFIXES[self.source]}{customer}"

    def _purchase(self, sale: Sale) -> Purchase:
        body: Json = {
            "receipt": {"number": sale.number},
            "at": self.moving.text(sale.at),
            "basket": {"lines": [_line_body(sold) for sold in sale.lines]},
        }
        is_due = False
        if sale.customer is not None:
            body["customer"] = {"card": self._card(sale.customer)}
            is_due = self.redeem_every > 0 and self.purchases[sale.customer] % self.redeem_every == 0
        if is_due:
            body["redeem"] = {self.wallet: "max"}
        key = self._key(f"purchase/{sale.number}")
        return Purchase(
            number=sale.number, customer=sale.customer, key=key, body=body, gross=sale.gross, redeems=is_due
        )

    def _return(self, number: str, taken: Sequence[Taken], *, customer: str) -> Return:
        lines = [{"id": part.line_id, "qty": part.quantity} for part in taken]
        return Return(
            number=number,
            purchase=taken[0].purchase,
            customer=customer,
            key=self._key(f"return/{number}"),
            body={"receipt": {"number": number}, "lines": lines},
            units={part.line_id: part.quantity for part in taken},
        )


def _comes_back(line: Line) -> bool:
    return line.quantity < 0 and line.price >= 0


def _left_out(line: Line) -> LineTreatment:
    if line.price < 0:
        return LineTreatment.LEFT_OUT_NEGATIVE_PRICE
    return LineTreatment.LEFT_OUT_POSITIVE_IN_CANCELLATION if line.quantity else LineTreatment.LEFT_OUT_ZERO_QUANTITY


def _receipt_treatment(lines: Sequence[Line], fates: Sequence[Fate]) -> ReceiptTreatment:
    """In full only if every line of the cancellation, also those left out, came back whole."""
    if not any(fate.found for fate in fates):
        return ReceiptTreatment.RETURN_NOT_AT_ALL
    whole = sum(fate.treatment is LineTreatment.RETURNED_IN_FULL for fate in fates)
    return ReceiptTreatment.RETURN_IN_FULL if whole == len(lines) else ReceiptTreatment.RETURN_IN_PART


def _line_body(sold: SoldLine) -> Json:
    line = sold.line
    body: Json = {"id": sold.id, "sku": line.sku, "qty": line.quantity, "price": line.price}
    if line.name:
        body["name"] = line.name
    if line.category is not None:
        body["category"] = line.category
    if line.tags:
        body["tags"] = list(line.tags)
    return body
