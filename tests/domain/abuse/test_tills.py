"""What is suspicious at one till, from its own habits."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.abuse.tills import (
    LEARNED_MAX,
    LEARNED_MIN,
    VISITORS_MAX,
    AlertKind,
    Habits,
    TillEvent,
    TillKind,
    TillLimits,
    usual_sum,
    watch,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo("Europe/Moscow"))
ANNA, TX = UUID(int=1), UUID(int=9)
ALL = TillLimits(same_customer=3, returns=2, rare_hour_permille=2, sum_times=4)


def sale(
    *, at: datetime = NOON, paid: int | None = 10_000, customer: UUID | None = None, late: bool = False
) -> TillEvent:
    return TillEvent(TillKind.SALE, "S1", "T1", customer, TX, at, paid, is_late=late)


def kinds(habits: Habits, event: TillEvent, limits: TillLimits = ALL) -> list[AlertKind]:
    return [each.kind for each in watch(habits, event, limits)]


def learned() -> Habits:
    habits = Habits()
    for number in range(LEARNED_MIN):
        assert not watch(habits, sale(at=NOON + timedelta(minutes=number % 50)), ALL)
    return habits


def test_one_customer_too_often_in_a_day_whatever_is_done() -> None:
    habits = Habits()
    taking = TillEvent(TillKind.TAKING, "S1", "T1", ANNA, TX, NOON)
    assert [kinds(habits, event) for event in (sale(customer=ANNA), taking, sale(customer=ANNA))] == [[], [], []]
    (found,) = watch(habits, sale(customer=ANNA), ALL)
    assert (found.kind, found.customer, dict(found.facts)) == (AlertKind.SAME_CUSTOMER, ANNA, {"limit": 3, "count": 4})
    assert kinds(habits, sale(customer=ANNA, at=NOON + timedelta(days=1))) == []


def test_many_returns() -> None:
    habits = Habits()
    back = TillEvent(TillKind.RETURN, "S1", "T1", ANNA, TX, NOON)
    assert [kinds(habits, back) for _ in range(3)] == [[], [], [AlertKind.MANY_RETURNS]]


def test_an_hour_is_rare_only_once_the_till_is_known_and_only_beside_its_hours() -> None:
    night = NOON.replace(hour=3)
    assert kinds(Habits(), sale(at=night)) == []
    habits = learned()
    assert kinds(habits, sale(at=night)) == [AlertKind.RARE_HOUR]
    assert kinds(habits, sale(at=NOON.replace(hour=13))) == []
    assert kinds(habits, sale(at=night, late=True)) == []  # When it was sent tells nothing of when it was made.


def test_a_sum_is_high_against_what_nearly_all_receipts_stay_below() -> None:
    habits = learned()
    assert usual_sum(habits) == 16_384
    assert kinds(habits, sale(paid=4 * 16_384)) == []
    assert kinds(habits, sale(paid=4 * 16_384 + 1)) == [AlertKind.HIGH_SUM]
    assert kinds(habits, sale(paid=10**12)) == [AlertKind.HIGH_SUM]


def test_what_is_switched_off_is_never_said_and_still_learned() -> None:
    habits = Habits()
    for _ in range(LEARNED_MIN):
        assert kinds(habits, sale(customer=ANNA), TillLimits()) == []
    assert kinds(habits, sale(paid=10**12, at=NOON.replace(hour=3)), TillLimits()) == []
    assert sum(habits.hours) == LEARNED_MIN + 1


def test_habits_stay_small_and_survive_being_stored() -> None:
    habits = Habits()
    watch(habits, sale(customer=ANNA), ALL)
    watch(habits, sale(customer=ANNA), ALL)
    for number in range(VISITORS_MAX + 500):
        watch(habits, sale(customer=UUID(int=100 + number)), ALL)
    assert len(habits.visits) <= VISITORS_MAX
    assert habits.visits[str(ANNA)] == 2  # Who came once makes room.
    assert Habits.from_document(habits.to_document()) == habits
    for _ in range(LEARNED_MAX):
        watch(habits, sale(), ALL)
    assert sum(habits.sizes) < LEARNED_MAX


def test_visitors_are_bounded_however_often_all_of_them_come() -> None:
    habits = Habits()
    for _ in range(5):
        watch(habits, sale(customer=ANNA), ALL)
    for number in range(2 * VISITORS_MAX):
        for _ in range(2):
            watch(habits, sale(customer=UUID(int=100 + number)), ALL)
        assert len(habits.visits) <= VISITORS_MAX
    assert habits.visits[str(ANNA)] == 5  # Who came least makes room.


def test_habits_of_another_release_are_read() -> None:
    document = {**Habits(day="2026-11-21", returns=2).to_document(), "later": [1]}
    assert Habits.from_document(document) == Habits(day="2026-11-21", returns=2)
    del document["sizes"]
    assert Habits.from_document(document) == Habits(day="2026-11-21", returns=2)
