"""Registering customers and changing what is known of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.domain.identifiers import CustomerId, Identifier, IdentifierKind
from app.domain.ledger.books import Book
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.guessing import Uncounted
from app.flows.ledger_port import Patron
from app.flows.new_consents import news_of, records_of
from app.flows.once import Once
from app.flows.ports import Answers, Clock, Person, Programs, Snapshots, Vault, fresh_ids
from app.flows.ports_customers import CustomerTx, NewIdentifier
from app.flows.profiles import profile_of
from app.flows.read_customer import ReadCustomer
from app.flows.requests import Answer, RegisterRequest, UpdateRequest, Write
from app.flows.sealed_answers import CUSTOMER_MEMBERS, SealedAnswers

_FIELDS = {IdentifierKind.PHONE: "phone", IdentifierKind.EXTERNAL_ID: "external_id", IdentifierKind.CARD: "card"}


class KeepCustomer:
    def __init__(
        self,
        once: Once[CustomerTx],
        *,
        reader: ReadCustomer,
        snapshots: Snapshots,
        programs: Programs,
        vault: Vault,
        answers: Answers,
        sealed: SealedAnswers,
        clock: Clock,
    ) -> None:
        self._once = once
        self._clock = clock
        self._reader = reader
        self._snapshots = snapshots
        self._programs = programs
        self._vault = vault
        self._answers = answers
        self._sealed = sealed

    async def register(self, write: Write, request: RegisterRequest) -> Answer:
        """A new customer, 201.

        Raises:
            Rejected: `customer_not_found` for an unknown referrer; `identifier_taken` comes back as an answer.
        """
        referrer = await self._reader.find(request.referrer) if request.referrer else None
        program = await self._programs.current()  # Before the transaction: it may take a connection of its own.
        customer_id = CustomerId(next(fresh_ids()))
        person = with_identifiers(
            Person(name=request.name, birthday=request.birthday, email=request.email, consents=request.consents),
            request.identifiers,
        )

        async def act(tx: CustomerTx) -> Answer:
            digests = await self._free_digests(tx, write, request.identifiers, owner=None)
            profile = self._vault.seal(customer_id, person, wrapped_key=None)
            registered_at = await tx.insert_customer(customer_id, profile=profile, tags=request.tags, referrer=referrer)
            await tx.insert_identifiers(customer_id, digests)
            await tx.insert_consents(customer_id, news_of((), person.consents), by=write.caller.key_id)
            patron = Patron(
                book=Book(customer_id=customer_id),
                profile=profile,
                registered_at=registered_at,
                referrer=referrer,
                tags=request.tags,
            )
            return Answer(201, self._rendered(patron, program))

        async def tell(_: Answer | None) -> None:
            """Of identifiers that others had before."""
            await self._snapshots.drop([self._vault.digest(identifier) for identifier in request.identifiers])

        return await self._sealed.opened(await self._once.run(write, act, after=tell))

    async def update(self, write: Write, request: UpdateRequest) -> Answer:
        """The customer as it is now.

        Raises:
            Rejected: `customer_not_found`; `identifier_taken` comes back as an answer.
        """
        program = await self._programs.current()
        dropped = {self._vault.digest(identifier) for identifier in request.identifiers}

        async def act(tx: CustomerTx) -> Answer:
            patron = (await tx.lock_patrons([request.customer], wait=True)).get(request.customer)
            if patron is None or patron.is_gift_card:  # A gift card has no person to be changed.
                raise refusals.no_customer()
            if patron.is_erased:  # Nobody gets a key again who was erased.
                raise refusals.erased()
            before = self._vault.open(request.customer, patron.profile)
            after = with_identifiers(_changed(before, request.changes), request.identifiers)
            digests = await self._free_digests(tx, write, request.identifiers, owner=request.customer)
            kinds = [identifier.kind.value for identifier in request.identifiers]
            dropped.update(self._digests(before))
            await tx.delete_identifiers(request.customer, kinds=kinds)
            await tx.insert_identifiers(request.customer, digests)
            patron.profile = self._vault.seal(request.customer, after, wrapped_key=patron.profile.wrapped_key)
            patron.tags = tuple(request.changes.get("tags", patron.tags))
            await tx.update_profile(request.customer, profile=patron.profile, tags=patron.tags)
            known = records_of(before.consents, otherwise_at=patron.registered_at)
            await tx.insert_missing_consents(request.customer, known)  # Before the news, which stand over them.
            news = news_of(before.consents, after.consents)
            await tx.insert_consents(request.customer, news, by=write.caller.key_id)
            patron.book.revision += 1
            return Answer(200, self._rendered(patron, program))

        async def tell(_: Answer | None) -> None:
            """Also when it is repeated: whoever did it may not have lived to tell."""
            await self._snapshots.forget([request.customer])
            await self._snapshots.drop(sorted(dropped))

        return await self._sealed.opened(await self._once.run(write, act, after=tell))

    async def _free_digests(
        self, tx: CustomerTx, write: Write, identifiers: Iterable[Identifier], *, owner: UUID | None
    ) -> list[NewIdentifier]:
        wanted = [NewIdentifier(identifier.kind.value, self._vault.digest(identifier)) for identifier in identifiers]
        taken = await tx.taken_identifiers([identifier.digest for identifier in wanted])
        faults = tuple(
            Fault(f"/{_FIELDS[IdentifierKind(identifier.kind)]}", "taken", "belongs to another customer")
            for identifier in wanted
            if identifier.digest in taken and taken[identifier.digest] != owner
        )
        if faults:
            if not write.is_counted:
                raise Uncounted(len(faults))
            raise Rejected(Rejection.IDENTIFIER_TAKEN, "Another customer has this identifier.", faults=faults)
        return wanted

    def _digests(self, person: Person) -> Iterable[bytes]:
        if person.phone:
            yield self._vault.digest(Identifier(IdentifierKind.PHONE, person.phone))
        if person.external_id:
            yield self._vault.digest(Identifier(IdentifierKind.EXTERNAL_ID, person.external_id))
        for card in person.cards:
            yield self._vault.digest(Identifier(IdentifierKind.CARD, card))

    def _rendered(self, patron: Patron, program: CompiledProgram | None) -> bytes:
        """As it is stored."""
        profile = profile_of(patron, program, self._vault, version=patron.book.version, now=self._clock.now())
        return self._sealed.stored(self._answers.customer(profile), patron, members=CUSTOMER_MEMBERS)


def with_identifiers(person: Person, identifiers: Iterable[Identifier]) -> Person:
    """The person known by these too, each in place of the one of its kind."""
    for identifier in identifiers:
        match identifier.kind:
            case IdentifierKind.PHONE:
                person = replace(person, phone=identifier.value)
            case IdentifierKind.EXTERNAL_ID:
                person = replace(person, external_id=identifier.value)
            case IdentifierKind.CARD:
                person = replace(person, cards=(identifier.value,))
            case IdentifierKind.ID | IdentifierKind.CODE:
                raise ValueError("a customer's id and app codes are given by the service")
    return person


def _changed(person: Person, changes: Mapping[str, Any]) -> Person:
    personal = {name: value for name, value in changes.items() if name in {"name", "birthday", "email", "consents"}}
    return replace(person, **personal)
