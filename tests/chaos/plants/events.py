"""Bugs about the feed of events."""

from app.storage import feed
from tests.chaos.plants import plant


@plant(
    "relay-by-greatest-id",
    faults=["commits delayed", "clock skewed", "commits delayed"],
    caught_by=["the feed has every transaction, in order"],
    commands=["jobs"],
)
def relay_by_greatest_id() -> None:
    """The relay goes on from the greatest id that it has published; what commits later under a smaller one is lost.

    Ids are in the order of time, so it works until a commit takes longer than its neighbour's, or a clock is wrong.
    """
    feed.OLDEST = """
    select tx_id, seq, customer_id, version from events
    where tx_id > coalesce(
        (select tx_id from events where position is not null order by tx_id desc limit 1),
        '00000000-0000-0000-0000-000000000000')
    order by tx_id limit $1
    """
