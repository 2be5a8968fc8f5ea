"""The service as its callers see it (`app.flows.service.Service`): a call is a use case's own method, or the few lines
that join two. Here are those of sales and customers; `app.flows.office` has the others.

What a call takes and gives is written once, in `Service`; the type checker holds every method here to it. What goes
wrong between us and the database becomes a refusal on the way out (`app.flows.answering`).
"""

from dataclasses import replace
from functools import partial
from uuid import UUID

from app.domain.identifiers import Identifier
from app.flows.answering import answering
from app.flows.office import Office
from app.flows.requests import Answer, Caller, HoldRequest, PurchaseRequest, RedeemRequest, Write
from app.flows.results import CustomerProfile, Sale
from app.flows.use_cases import UseCases


class Loyalty(Office):
    def __init__(self, use: UseCases) -> None:
        super().__init__(use)

        self.keyed = use.vault.keyed
        self.guess = answering(use.guards.guess)
        self.post_event = answering(use.events.post)
        self.post_offline = answering(use.offline.post)
        self.allowance_keys = use.lookups.public_keys
        self.capture_hold = answering(use.hold_ends.capture)
        self.release_hold = answering(use.hold_ends.release)
        self.hold = answering(use.held.hold)
        self.return_lines = answering(use.returns.post)
        self.preview_return = answering(use.returns.preview)
        self.purchase = answering(use.records.purchase)
        self.request_state = answering(use.records.request_state)

        self.register = answering(use.guards.budget.counting(use.keeper.register))
        self.update = answering(use.guards.budget.counting(use.keeper.update))
        self.balance = answering(use.customers.balance)
        self.history = answering(use.customers.history)
        self.lots = answering(use.customers.lots)
        self.make_app_access = answering(use.confirming.access.make)
        self.consents = answering(use.personal.consents.page)
        self.export = answering(use.personal.exporting.export)
        self.erase = answering(use.personal.erasing.erase)
        self.erasures = answering(use.personal.erasing.page)

        self.issue_card = answering(use.confirming.cards.asking(use.guards.budget.counting(use.cards.issue)))
        self.block_card = answering(use.cards.block)
        self.move_card = answering(use.confirming.cards.asking(use.guards.budget.counting(use.cards.move)))
        self.make_gift_cards = answering(use.gift_cards.make)
        self.activate_gift_card = answering(use.gift_cards.activate)
        self.block_gift_card = answering(use.gift_cards.block)
        self.gift_card = answering(use.gift_cards.card)
        self.make_coupons = answering(use.coupons.make)
        self.block_coupon = answering(use.coupons.block)
        self.coupon = answering(use.codes.coupon)
        self.coupons = answering(use.codes.coupons)

    @answering
    async def authenticate(self, key: str) -> Caller:
        caller = await self._use.callers.of(key)
        self._use.guards.rates.check(caller)
        return caller

    @answering
    async def session_caller(self, token: str) -> Caller:
        caller = await self._use.sessions.caller(token)
        self._use.guards.rates.check(caller)
        return caller

    @answering
    async def quote(self, caller: Caller, request: PurchaseRequest) -> Sale:
        request = await self._use.confirming.app_codes.reader(request)
        return await self._use.guards.budget.basket(caller, request, partial(self._use.quotes.quote, caller))

    @answering
    async def accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        return await self._use.guards.watched(
            write.caller, self._use.confirming.redemptions.run(write, request, self._accrue)
        )

    @answering
    async def redeem(self, write: Write, request: RedeemRequest) -> Answer:
        return await self._use.guards.watched(
            write.caller, self._use.confirming.redemptions.run(write, request, self._use.points.redeem)
        )

    @answering
    async def place_hold(self, write: Write, request: HoldRequest) -> Answer:
        async def hold(write: Write, what: PurchaseRequest | RedeemRequest) -> Answer:
            return await self._use.holds.place(write, HoldRequest(what, request.ttl_seconds))

        async def place(write: Write, what: PurchaseRequest | RedeemRequest) -> Answer:
            if isinstance(what, RedeemRequest):
                return await hold(write, what)
            return await self._use.guards.budget.basket(write.caller, what, partial(hold, write))

        return await self._use.guards.watched(
            write.caller, self._use.confirming.redemptions.run(write, request.what, place)
        )

    async def _accrue(self, write: Write, request: PurchaseRequest) -> Answer:
        return await self._use.guards.budget.basket(write.caller, request, partial(self._use.purchases.accrue, write))

    @answering
    async def lookup(self, customer: Identifier) -> CustomerProfile:
        customer, by_code = await self._use.confirming.app_codes.named(customer)
        return await self._use.lookups.look_up(customer, by_code=by_code)

    @answering
    async def customer(self, customer_id: UUID) -> CustomerProfile:
        profile = await self._use.customers.profile(customer_id)
        if profile.is_frozen:
            profile = replace(profile, frozen_since=await self._use.books.frozen_since(customer_id))
        if profile.is_blocked:
            profile = replace(profile, erased_at=await self._use.personal.erasing.erased_at(customer_id))
        return profile

    async def drain(self) -> None:
        """Let what is under way end well."""
        await self._use.rounds.drain()
        await self._use.guards.drain()
        await self._use.callers.drain()
