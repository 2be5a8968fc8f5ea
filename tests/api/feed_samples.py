"""A page of the feed that tests of the edge use."""

from app.flows.read_events import FeedEntry, FeedEvent
from app.flows.results import Page
from tests.api import samples


def page() -> Page[FeedEvent]:
    """A customer's purchase, and an anonymous one that moved nothing."""
    entries = (FeedEntry("customer:available", "points", 10), FeedEntry("program:issued", "points", -10))
    return Page((_event(7, entries=entries), _event(8, is_anonymous=True)), "8")


def _event(position: int, *, entries: tuple[FeedEntry, ...] = (), is_anonymous: bool = False) -> FeedEvent:
    return FeedEvent(
        position=position,
        id=f"{samples.PURCHASE}-1",
        type="purchase",
        tx_id=samples.PURCHASE,
        customer=None if is_anonymous else samples.CUSTOMER,
        version=0 if is_anonymous else 42,
        at=samples.NOON,
        created_at=samples.NOON,
        shop="S1",
        terminal="T1",
        receipt="000123",
        program=7,
        purchase=samples.PURCHASE,
        entries=entries,
    )
