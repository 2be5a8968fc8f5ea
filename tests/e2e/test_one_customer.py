"""A state machine of one customer: accrue, redeem, hold, capture, release, return in any split, adjust, act, let time
pass to an instant, just before it and beyond, ask again under an earlier key. After each step the service shows what
the independent model says, and the same bytes where it was asked before.

`EXAMPLES=200 pytest tests/e2e/test_one_customer.py --hypothesis-seed=7` hunts; a failure tells the program and the
whole story so far.
"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

import asyncpg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.verification import findings
from tests.e2e.one_customer import OneCustomer, Scene
from tests.e2e.town import START, town_on
from tests.kit import Stage
from tests.model import dense, sequences, set_aside, whole
from tests.model.accounts import Hold
from tests.model.arithmetic import Json
from tests.model.examples import HUNT

RUNS = HUNT or 24
STEPS = 26
DAYS = st.sampled_from([1, 1, 2, 3, 7, 13, 31])
SPANS = st.sampled_from([timedelta(minutes=-1), timedelta(0), timedelta(0), timedelta(seconds=1), timedelta(hours=1)])
POINTS = st.sampled_from([1, 3, 7, 20, 50])
PROGRAMS = st.one_of(set_aside.programs(start=START), set_aside.programs(start=START), whole.programs(start=START))


class OneCustomerMachine(RuleBasedStateMachine):
    scene: ClassVar[Scene]

    def __init__(self) -> None:
        super().__init__()
        self.customer: OneCustomer | None = None
        self.program: Json = {}  # Its rules by their own names, as operations have them.

    @property
    def it(self) -> OneCustomer:
        if self.customer is None:
            raise RuntimeError("nobody has arrived")
        return self.customer

    @initialize(program=PROGRAMS, codes=whole.codes(), data=st.data())
    def arrive(self, program: Json, codes: Json, data: st.DataObject) -> None:
        self.program = program
        points = [
            {
                "op": "adjust",
                "days": 0,
                "customer": 0,
                "wallet": wallet,
                "points": data.draw(st.sampled_from([40, 300])),
            }
            for wallet in program["wallets"]
        ]
        self.customer = self.scene.do(OneCustomer.arrive(self.scene, program, [codes, *points]))

    def perform(self, op: str, **more: object) -> None:
        self.scene.do(self.it.think_of({"op": op, "days": 0, **more}))

    # --- sales --------------------------------------------------------------------------------------------------------

    def sale(self, data: st.DataObject) -> Json:
        baskets = st.one_of(whole.baskets(), whole.baskets(), sequences.BASKETS)
        first = self.program["redemption"]["wallets"][0]
        wishes = st.one_of(dense.wishes(self.program), st.just({first: "max"}))
        sold: Json = data.draw(sequences.purchases(1, baskets, wishes))
        return sold

    @rule(data=st.data())
    def accrue(self, data: st.DataObject) -> None:
        self.perform("purchase", **self.sale(data))

    @rule(data=st.data(), ttl_seconds=sequences.TTLS)
    def hold(self, data: st.DataObject, ttl_seconds: int) -> None:
        self.perform("hold", ttl_seconds=ttl_seconds, **self.sale(data))

    @rule(data=st.data(), ttl_seconds=sequences.TTLS)
    def hold_another(self, data: st.DataObject, ttl_seconds: int) -> None:
        self.perform("hold", ttl_seconds=ttl_seconds, **self.sale(data))

    @rule(data=st.data(), points=POINTS, ttl_seconds=sequences.TTLS, by=st.sampled_from(["card", "phone"]))
    def hold_points(self, data: st.DataObject, points: int, ttl_seconds: int, by: str) -> None:
        moved = {"wallet": self.wallet(data), "points": points, "ttl_seconds": ttl_seconds}
        self.perform("hold_points", customer=0, identified_by=by, **moved)

    # --- ends of holds ------------------------------------------------------------------------------------------------

    def one_of(self, data: st.DataObject, holds: list[Hold]) -> Hold:
        return data.draw(st.sampled_from(holds))

    @precondition(lambda self: self.customer and self.it.open_holds())
    @rule(data=st.data())
    def capture(self, data: st.DataObject) -> None:
        self.perform("capture", hold=self.it.place_of(self.one_of(data, self.it.open_holds())), lines=None)

    @precondition(lambda self: self.customer and any(hold.purchase for hold in self.it.open_holds()))
    @rule(data=st.data())
    def capture_fewer(self, data: st.DataObject) -> None:
        self.capture_some(data)

    @precondition(lambda self: self.customer and any(hold.purchase for hold in self.it.open_holds()))
    @rule(data=st.data())
    def capture_a_part(self, data: st.DataObject) -> None:
        self.capture_some(data)

    def capture_some(self, data: st.DataObject) -> None:
        hold = self.one_of(data, [hold for hold in self.it.open_holds() if hold.purchase])
        lines = hold.purchase.lines if hold.purchase else {}
        held = {id_: Decimal(int(line.qty * 1_000)) / 1_000 for id_, line in lines.items()}
        chosen = data.draw(sequences.captured_lines(held))
        self.perform("capture", hold=self.it.place_of(hold), lines=chosen)

    @precondition(lambda self: self.customer and self.it.open_holds())
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.perform("release", hold=self.it.place_of(self.one_of(data, self.it.open_holds())))

    @precondition(lambda self: self.customer and len(self.it.open_holds()) < len(self.it.books.holds))
    @rule(data=st.data(), op=st.sampled_from(["capture", "release"]))
    def end_what_has_ended(self, data: st.DataObject, op: str) -> None:
        ended = [hold for hold in self.it.books.holds if hold not in self.it.open_holds()]
        lines: Json = {"lines": None} if op == "capture" else {}
        self.perform(op, hold=self.it.place_of(self.one_of(data, ended)), **lines)

    # --- what else happens --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.customer and self.it.returnable())
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        place, purchase = data.draw(st.sampled_from(self.it.returnable()))
        left = {id_: Decimal(int((line.qty - line.returned) * 1_000)) / 1_000 for id_, line in purchase.lines.items()}
        self.perform("return", purchase=place, lines=data.draw(sequences.return_lines(left)))

    @rule(data=st.data(), points=POINTS)
    def redeem(self, data: st.DataObject, points: int) -> None:
        self.perform("redeem", customer=0, wallet=self.wallet(data), points=points, identified_by="card")

    @rule(data=st.data(), points=POINTS, sign=st.sampled_from([1, 1, -1]))
    def adjust(self, data: st.DataObject, points: int, sign: int) -> None:
        self.perform("adjust", customer=0, wallet=self.wallet(data), points=sign * points)

    @rule(event=st.sampled_from(["review", "signup"]))
    def act(self, event: str) -> None:
        self.perform("event", customer=0, type=event, minutes_late=0)

    @rule(place=st.integers(0, 1_000))
    def ask_again(self, place: int) -> None:
        self.scene.do(self.it.ask_again(place))

    def wallet(self, data: st.DataObject) -> str:
        name: str = data.draw(st.sampled_from([next(iter(self.program["wallets"])), *self.program["wallets"]]))
        return name

    # --- time ---------------------------------------------------------------------------------------------------------

    @rule(days=DAYS, is_heard=st.booleans())
    def wait(self, days: int, is_heard: bool) -> None:
        self.scene.do(self.it.let_pass(timedelta(days=days), is_heard=is_heard))

    @precondition(lambda self: self.customer and self.it.next_instant())
    @rule(span=SPANS, is_heard=st.booleans())
    def reach_the_next_instant(self, span: timedelta, is_heard: bool) -> None:
        instant = self.it.next_instant()
        if instant is not None:
            wait = max(instant + span - self.scene.town.now, timedelta(0))
            self.scene.do(self.it.let_pass(wait, is_heard=is_heard))

    @precondition(lambda self: self.customer and not self.it.is_unheard and self.it.next_instant())
    @rule()
    def stand_just_before_the_next_instant(self) -> None:
        instant = self.it.next_instant()
        if instant is not None:
            self.scene.do(self.it.stand_before(instant))

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_service_shows_what_the_model_says(self) -> None:
        if self.customer is not None and not self.customer.is_waiting:
            self.scene.do(self.customer.look())

    def teardown(self) -> None:
        if self.customer is not None:
            self.scene.do(self.customer.leave())


async def test_one_customers_life_is_what_the_model_says(stage: Stage, owner: asyncpg.Connection) -> None:
    async with town_on(stage) as town:
        OneCustomerMachine.scene = Scene(town, stage, owner, asyncio.get_running_loop())
        await asyncio.to_thread(play)
    assert await findings(stage.database_url) == []


def play() -> None:
    run_state_machine_as_test(
        OneCustomerMachine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            derandomize=not HUNT,
            phases=[Phase.generate],  # Luck and codes are new in each run, so a shorter story is another story.
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
