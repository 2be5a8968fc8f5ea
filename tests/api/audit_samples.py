"""What the running self-audit has found, as tests of the edge use it."""

from app.flows.ports_audit import Figures, OpenFinding
from app.flows.results import Page
from tests.api import samples


def open_findings() -> Page[OpenFinding]:
    """One about a customer, one about nobody."""
    return Page((_finding("customer_balance"), _finding("program_counter", is_nobodys=True)), None)


def figures() -> Figures:
    return Figures(
        findings={"customer_balance": 1},
        pass_age=2.5,
        customers_checked=40,
        frozen=1,
        holds_open=3,
        holds_overdue=1,
        events_waiting=2,
        duty_ages={"relay": 0.5},
        alerts={"same_customer": 2},
    )


def _finding(check: str, *, is_nobodys: bool = False) -> OpenFinding:
    return OpenFinding(
        id=samples.PURCHASE,
        check=check,
        customer=None if is_nobodys else samples.CUSTOMER,
        tx=None,
        expected="5",
        found="6",
        found_at=samples.NOON,
        seen_at=samples.NOON,
    )
