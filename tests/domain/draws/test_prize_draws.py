"""Winners are those that a few plain lines come to, in whatever order the list is read."""

from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac_new
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.draws.prize_draws import DrawPrize, DrawTerms, ListHash, Winner, draw_winners, secret_name

SECRET = bytes(range(32))
ENTRIES = [(str(UUID(int=place)), f"customer {place % 7}") for place in range(1, 41)]


def terms_of(*counts: int, one_prize_a_customer: bool = True) -> DrawTerms:
    prizes = tuple(DrawPrize(f"prize {place}", count, gift="TV") for place, count in enumerate(counts))
    return DrawTerms(
        start=datetime(2026, 11, 1, tzinfo=UTC),
        end=datetime(2026, 12, 1, tzinfo=UTC),
        prizes=prizes,
        one_prize_a_customer=one_prize_a_customer,
    )


def list_hash_of(entries: list[tuple[str, str]]) -> str:
    return sha256("\n".join(purchase for purchase, _ in entries).encode()).hexdigest()


def winners_by_hand(entries: list[tuple[str, str]], terms: DrawTerms) -> list[tuple[str, str]]:
    """(prize, purchase): sort all, go down the list, pass over whoever has won."""
    listed = list_hash_of(entries)
    ranked = sorted(entries, key=lambda entry: hmac_new(SECRET, f"{listed}\n{entry[0]}".encode(), "sha256").digest())
    pieces = [prize.id for prize in terms.prizes for _ in range(prize.count)]
    won: list[tuple[str, str]] = []
    happy: set[str] = set()
    for purchase, customer in ranked:
        if len(won) < len(pieces) and not (terms.one_prize_a_customer and customer in happy):
            happy.add(customer)
            won.append((pieces[len(won)], purchase))
    return won


@given(
    entries=st.lists(st.sampled_from(ENTRIES), unique=True),
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    once=st.booleans(),
    shuffled=st.randoms(use_true_random=False),
)
def test_winners_are_those_of_a_plain_sort(
    entries: list[tuple[str, str]], counts: list[int], *, once: bool, shuffled: Random
) -> None:
    entries = sorted(entries)
    terms = terms_of(*counts, one_prize_a_customer=once)
    mixed = list(entries)
    shuffled.shuffle(mixed)
    winners = draw_winners(mixed, terms, secret=SECRET, list_hash=list_hash_of(entries))
    assert [(winner.prize, winner.purchase) for winner in winners] == winners_by_hand(entries, terms)
    assert [winner.place for winner in winners] == list(range(1, len(winners) + 1))


def test_a_draw_by_the_book() -> None:
    """Worked out with a calculator of hashes, so that nobody changes the rule by accident."""
    entries = ENTRIES[:4]
    listed = list_hash_of(entries)
    assert listed == "6426344d8cfd0d9c7aa31111e1f52b5c31c448b5f6d8e171250cfec06b16a698"
    winners = draw_winners(entries, terms_of(1, 1), secret=SECRET, list_hash=listed)
    assert winners == (Winner("prize 0", 1, entries[0][0]), Winner("prize 1", 2, entries[3][0]))


def test_a_customer_wins_once_unless_told_otherwise() -> None:
    entries = [(purchase, "the same") for purchase, _ in ENTRIES]
    listed = list_hash_of(entries)
    assert len(draw_winners(entries, terms_of(3), secret=SECRET, list_hash=listed)) == 1
    many = terms_of(3, one_prize_a_customer=False)
    assert len(draw_winners(entries, many, secret=SECRET, list_hash=listed)) == 3


def test_the_hash_of_a_list_is_that_of_its_lines() -> None:
    hashed = ListHash()
    assert (hashed.hex, hashed.count) == (sha256(b"").hexdigest(), 0)
    for purchase, _ in ENTRIES:
        hashed.add(purchase)
    assert (hashed.hex, hashed.count) == (list_hash_of(ENTRIES), len(ENTRIES))


def test_a_secret_is_of_one_announcement() -> None:
    """The same id announced anew, in a database put back, has another secret."""
    first, second = (datetime(2026, 11, 1, 12, 0, 0, micro, tzinfo=UTC) for micro in (0, 1))
    assert secret_name("tv", first) == "prize-draw/tv/2026-11-01T12:00:00.000000+00:00"
    assert secret_name("tv", first) != secret_name("tv", second)
