"""Requests as bytes: what they ask, how they are mixed, that a seed repeats them; and answers read back from bytes."""

import json
from collections import Counter

import pytest

from app.domain.programs.read import read_program
from loadtest.goods import BASKETS_MAX, LINES, baskets
from loadtest.program import BRANDS, CATEGORIES, program
from loadtest.scenarios import DAY, Chain, Customer, Scenario, Shot, Till
from loadtest.wire import Answer, parse_answer

CREATED = Answer(status=201, is_replay=False, body=b'{"version":1}')
CHAIN = Chain(
    tills=tuple(Till(key=f"key-{place}", shop=f"S{place}", terminal="T1") for place in range(2)),
    customers=tuple(Customer(id=f"id-{n}", phone=f"+7900000{n:04d}", card=f"29{n:010d}") for n in range(100)),
)


def body_of(shot: Shot) -> dict[str, object]:
    document: dict[str, object] = json.loads(shot.data.partition(b"\r\n\r\n")[2])
    return document


def kind_of(shot: Shot) -> str:
    """As in `DAY`, from the bytes alone."""
    if shot.is_replay:
        return "replay"
    path = shot.data.split(b" ")[1].decode()
    if path == "/v1/accrue":
        return "redeem" if "redeem" in body_of(shot) else "accrue"
    return {"/v1/quote": "quote", "/v1/customers/lookup": "lookup", "/v1/returns": "return"}.get(path, "balance")


def test_the_program_has_twenty_rules_and_is_a_program() -> None:
    document = program()
    assert len(document["rules"]) == len({rule["id"] for rule in document["rules"]}) == 20
    assert len(read_program(document).rules) == 20


def test_baskets_are_five_real_lines_of_known_categories_and_the_same_every_time() -> None:
    made = baskets()
    assert len(made) == BASKETS_MAX
    baskets.cache_clear()
    assert made == baskets()
    for basket in map(json.loads, made):
        assert [line["id"] for line in basket["lines"]] == [str(place) for place in range(1, LINES + 1)]
        assert all(line["category"] in CATEGORIES and line["brand"] in BRANDS for line in basket["lines"])
        assert all(line["qty"] > 0 and line["price"] > 0 for line in basket["lines"])
        gross = sum(line["qty"] * line["price"] for line in basket["lines"])
        assert basket["payments"][0]["amount"] == gross


def test_a_seed_asks_the_same_things_and_a_run_has_numbers_of_its_own() -> None:
    first, again, other = (Scenario("accrue", CHAIN, run=run, seed=1).next(0) for run in ("aa", "aa", "bb"))
    assert first == again
    assert first.data == other.data.replace(b"bb-1", b"aa-1")


def test_no_key_is_used_twice_but_for_replays() -> None:
    scenario = Scenario("day", CHAIN, run="aa", seed=1)
    keys: Counter[bytes] = Counter()
    for till in range(4000):
        shot = scenario.next(till)
        if b"Idempotency-Key: " in shot.data and not shot.is_replay:
            keys[shot.data.split(b"Idempotency-Key: ")[1].split(b"\r\n")[0]] += 1
        scenario.answered(till, shot, Answer(status=shot.status, is_replay=shot.is_replay, body=b"{}"))
    assert max(keys.values()) == 1


def test_customers_are_named_by_phone_card_and_id() -> None:
    scenario = Scenario("quote", CHAIN, run="aa", seed=1)
    named = Counter(next(iter(body_of(scenario.next(0))["customer"])) for _ in range(1000))  # type: ignore[call-overload]
    assert named.keys() == {"phone", "card", "id"}
    assert 400 < named["phone"] < 600


def test_a_day_is_mixed_as_it_says() -> None:
    assert sum(DAY.values()) == 100
    scenario = Scenario("day", CHAIN, run="aa", seed=1)
    kinds: Counter[str] = Counter()
    for till in range(5000):
        shot = scenario.next(till)
        kinds[kind_of(shot)] += 1
        assert scenario.answered(till, shot, Answer(status=shot.status, is_replay=shot.is_replay, body=b"{}"))
    for kind, share in DAY.items():
        assert abs(kinds[kind] / 50 - share) < 3, (kind, kinds)


def test_one_hot_customer_is_always_the_same_one() -> None:
    scenario = Scenario("hot", CHAIN, run="aa", seed=1)
    assert {scenario.next(0).customer for _ in range(50)} == {0}
    assert len({Scenario("accrue", CHAIN, run="aa", seed=seed).next(0).customer for seed in range(50)}) > 20


def test_a_replay_is_the_same_bytes_from_the_same_till_and_never_twice_at_once() -> None:
    scenario = Scenario("replay", CHAIN, run="aa", seed=1)
    purchase = scenario.purchase(0)
    assert scenario.answered(0, purchase, CREATED)
    replay = scenario.next(2)  # the third connection is the first till's, too
    assert (replay.data, replay.is_replay) == (purchase.data, True)
    assert scenario.next(2).data != purchase.data  # it is under way: another purchase meanwhile
    assert not scenario.next(1).is_replay  # the other till has sold nothing yet
    assert not scenario.answered(2, replay, CREATED)  # it was decided anew
    assert scenario.answered(2, replay, Answer(status=201, is_replay=True, body=b"{}"))
    assert scenario.next(0).data == purchase.data


def test_a_till_takes_back_its_own_purchases_once() -> None:
    scenario = Scenario("return", CHAIN, run="aa", seed=1)
    purchase = scenario.purchase(1)
    assert scenario.answered(1, purchase, CREATED)
    back = scenario.next(1)
    assert body_of(back)["purchase"] == {"shop": "S1", "terminal": "T1", "number": purchase.receipt.decode()}
    assert back.customer == purchase.customer
    assert kind_of(scenario.next(1)) == "accrue"


def test_a_wrong_status_or_an_unexpected_replay_is_no_right_answer() -> None:
    scenario = Scenario("accrue", CHAIN, run="aa", seed=1)
    shot = scenario.next(0)
    assert not scenario.answered(0, shot, Answer(status=200, is_replay=False, body=b"{}"))
    assert not scenario.answered(0, shot, Answer(status=201, is_replay=True, body=b"{}"))
    assert scenario.answered(0, shot, CREATED)


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="no scenario is called 'nothing'"):
        Scenario("nothing", CHAIN, run="aa", seed=1)


def test_an_answer_is_read_when_all_of_it_is_there() -> None:
    whole = b'HTTP/1.1 201 Created\r\nContent-Length: 13\r\nIdempotent-Replayed: true\r\n\r\n{"version":1}'
    assert all(parse_answer(whole[:cut]) is None for cut in range(len(whole)))
    assert parse_answer(whole) == Answer(status=201, is_replay=True, body=b'{"version":1}')
    assert parse_answer(b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n") == Answer(200, is_replay=False, body=b"")


def test_an_answer_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="without content-length"):
        parse_answer(b"HTTP/1.1 200 OK\r\n\r\n")
