"""Two birthdays are enough: of last year's, this year's and the next, what a third could say the other two do."""

from datetime import MAXYEAR, MINYEAR, date

from hypothesis import given
from hypothesis import strategies as st

from app.domain.rules.birthdays import birthday_in, days_since, is_near, nearest
from tests.model.examples import examples

days = st.one_of(
    st.dates(date(1890, 1, 1), date(2030, 12, 31)),
    st.sampled_from([date(2000, 2, 29), date(1999, 2, 28), date(2000, 12, 31), date(2000, 1, 1), date(1999, 7, 2)]),
)
todays = st.one_of(days, st.sampled_from([date(MINYEAR, 1, 1), date(MINYEAR, 7, 1), date(MAXYEAR, 6, 30), date.max]))
bounds = st.one_of(st.integers(0, 7), st.integers(0, 400))


@examples(2_000)
@given(days, todays, bounds, bounds)
def test_of_three_years_the_birthdays_beside_a_day_decide(birthday: date, today: date, before: int, after: int) -> None:
    three = [
        (today - birthday_in(birthday, year)).days
        for year in (today.year - 1, today.year, today.year + 1)
        if MINYEAR <= year <= MAXYEAR
    ]
    found = days_since(birthday, today)
    assert is_near(found, before=before, after=after) == any(-before <= each <= after for each in three)
    assert nearest(found) == min(three, key=abs)
