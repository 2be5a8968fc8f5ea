"""What the tests of rules look at: one basket, one customer, one moment, prepared once for all rules."""

from app.domain.amounts import gross, total
from app.domain.basket import Basket, Visit
from app.domain.customer import CustomerFacts
from app.domain.program import Program
from app.domain.rules.standing import Standing
from app.domain.rules.vouchers import NO_VOUCHERS, Vouchers


class Facts:
    """One evaluation's world. Nothing of it is changed.

    `local` is the visit's instant in the program's zone, `today` and `wall` its local day and wall-clock time (without
    zone, so that comparing them is what a clock on the shop's wall would say, also in the hours when clocks change).
    `line_gross` is parallel to `basket.lines` and `gross_total` its sum, closed lines included. `paid_by` sums the
    payments of each method. `vouchers` are the coupon codes that were sent.
    """

    __slots__ = (
        "basket", "customer", "gross_total", "line_gross", "local", "paid_by", "today", "visit", "vouchers", "wall",
    )  # fmt: skip

    def __init__(
        self,
        program: Program,
        basket: Basket,
        customer: CustomerFacts | None,
        visit: Visit,
        *,
        standing: Standing | None = None,
        public_codes: frozenset[str] = frozenset(),
    ) -> None:
        """Prepare what every rule's tests share. Without a `standing` no code is stored, and it is the visit's moment.

        `public_codes` are the names of `vouchers.public_names_of`.

        Raises:
            ValueError: the visit's instant has no zone, so it isn't an instant.
            OverflowError: the instant lies so near to year 1 or 9999 that it has no local time; the edge refuses such
                instants.
        """
        if visit.at.tzinfo is None:
            raise ValueError(f"the visit's instant {visit.at} has no zone")
        local = visit.at.astimezone(program.timezone)
        paid_by: dict[str, int] = {}
        for payment in basket.payments:
            paid_by[payment.method] = paid_by.get(payment.method, 0) + payment.amount
        line_gross = [gross(line.price, line.qty_milli) for line in basket.lines]
        self.basket = basket
        self.customer = customer
        self.visit = visit
        self.local = local
        self.today = local.date()
        self.wall = local.time()
        self.line_gross = line_gross
        self.gross_total = total(line_gross)
        self.paid_by = paid_by
        self.vouchers = _vouchers(basket, customer, visit, standing, public_codes) if basket.coupons else NO_VOUCHERS


def _vouchers(
    basket: Basket, customer: CustomerFacts | None, visit: Visit, standing: Standing | None, public: frozenset[str]
) -> Vouchers:
    return Vouchers.of(
        basket.coupons,
        standing=standing or Standing(now=visit.at),
        customer=None if customer is None else customer.id,
        public=public,
    )
