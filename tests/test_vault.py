"""Personal data under the keyring: what leads to a customer, and what tells of one, is worth nothing without it."""

from hashlib import blake2b, sha1, sha256
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag

from app.domain.identifiers import Identifier, IdentifierKind
from app.flows.ledger_port import Sealed
from app.flows.ports import Person
from app.keyring import open_keyring
from app.vault import KeyringVault
from app.wrapped_keys import UnknownMaster
from tests.kit import Desk, Stage

PHONE = Identifier(IdentifierKind.PHONE, "+79001234567")
ANNA, BORIS = uuid4(), uuid4()


@pytest.fixture
def vault(tmp_path: Path) -> KeyringVault:
    return KeyringVault(open_keyring(tmp_path / "one.json", data_dir=tmp_path))


@pytest.fixture
def stranger(tmp_path: Path) -> KeyringVault:
    """With a keyring of their own."""
    path = tmp_path / "another"
    path.mkdir()
    return KeyringVault(open_keyring(path / "secrets.json", data_dir=path))


def test_nobody_finds_a_number_without_the_keyring(vault: KeyringVault, stranger: KeyringVault) -> None:
    """All numbers of a country are hashed in minutes: who has no key must not be able to try."""
    assert vault.digest(PHONE) == vault.digest(PHONE)
    assert stranger.digest(PHONE) != vault.digest(PHONE)
    assert vault.digest(Identifier(IdentifierKind.CARD, PHONE.value)) != vault.digest(PHONE)


async def test_the_database_finds_people_by_keyed_hashes_alone(
    till: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    await till.register(phone=PHONE.value)
    stored = {row[0] for row in await owner.fetch("select digest from identifiers")}
    assert stored == {KeyringVault(stage.keyring()).digest(PHONE)}
    texts = [
        text.encode() for text in (PHONE.value, PHONE.value[1:], f"phone:{PHONE.value}", f"phone:v1:{PHONE.value}")
    ]
    plain = {make(text).digest() for text in texts for make in (sha1, sha256, blake2b)}
    assert not {digest[:16] for digest in stored} & {digest[:16] for digest in plain}


def test_a_profile_opens_for_its_customer_with_its_keyring_and_unchanged_alone(
    vault: KeyringVault, stranger: KeyringVault
) -> None:
    person = Person(phone=PHONE.value, name="Anna")
    sealed = vault.seal(ANNA, person, wrapped_key=None)
    assert sealed.wrapped_key is not None
    assert sealed.sealed is not None
    assert vault.open(ANNA, sealed) == person
    others = vault.seal(BORIS, person, wrapped_key=None)
    for whose, with_whose, stolen in (
        (vault, BORIS, sealed),
        (stranger, ANNA, sealed),
        (vault, ANNA, Sealed(others.wrapped_key, sealed.sealed)),
        (vault, ANNA, Sealed(sealed.wrapped_key, sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1]))),
    ):
        with pytest.raises((InvalidTag, UnknownMaster)):
            whose.open(with_whose, stolen)


def test_each_customer_has_a_key_of_their_own(vault: KeyringVault) -> None:
    """So that destroying one erases one; and nothing is sealed twice alike."""
    person = Person(name="Anna")
    first, second = vault.seal(ANNA, person, wrapped_key=None), vault.seal(ANNA, person, wrapped_key=None)
    assert first.wrapped_key != second.wrapped_key
    again = vault.seal(ANNA, person, wrapped_key=first.wrapped_key)
    assert again.wrapped_key == first.wrapped_key
    assert again.sealed != first.sealed
    assert b"Anna" not in b"".join(part for part in (first.wrapped_key, first.sealed) if part)
    assert vault.open(ANNA, Sealed(None, first.sealed)) == Person()
