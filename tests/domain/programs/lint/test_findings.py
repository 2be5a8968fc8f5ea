"""Each finding by the smallest program that has it, and the ready programs, which have nothing to be warned of."""

from importlib.resources import files
from typing import Any

import orjson
import pytest

from app.domain.programs import read_program
from app.domain.programs.lint import Severity, check_program
from tests.domain.programs.lint.kit import NOW, discount, document, luck, told

Json = dict[str, Any]
Told = tuple[str, str, str]

OVER = {"until": "2026-11-21T12:00:00Z"}
EVENT = {"give": {"units": 5}}
BASE: Json = {}  # 5 % in points, always.
LANES = {"lanes": [{"id": "a", "combine": "best"}, {"id": "b", "combine": "first"}]}
STAMPS = {"wallets": {"points": {"value": 100}, "stamps": {"value": 0}}}
NET = {"accrual": {"base": "net"}}
LIMITED = {"limit": {"customer": {"uses": 1}}}
UNITS = {"tier_policy": {"measure": "units"}}


def into(**members: Any) -> Json:
    """Two wallets, the second of which becomes the first; both are filled."""
    stamps = {"value": 0, "convert": {"every": 10, "into": "points", "units": 5}} | members
    return {"wallets": {"points": {"value": 100}, "stamps": stamps}}


def cap(**members: Any) -> Json:
    return {"caps": [{"id": "c", "wallet": "points", "max": 100} | members]}


FOUND: list[tuple[str, Json, list[Told]]] = [
    ("nothing", document(BASE), []),
    # --- names ---
    ("known names", document({"when": {"segment": ["sleeping"]}}, {"when": {"coupon": ["POOL-1"]}}), []),
    (
        "an unknown segment",
        document({"when": {"any": [{"segment": ["sleeping", "vip"]}, {"weekday": 1}]}}),
        [("error", "/rules/0/when/any/0/segment/1", "unknown_segment")],
    ),
    (
        "an unknown pool",
        document(BASE, {"kind": "reward", "give": {"coupon": "pool-2"}}),
        [("error", "/rules/1/give/coupon", "unknown_pool")],
    ),
    (
        "an unknown pool of a prize",
        document(BASE, luck({"id": "a", "units": 1}, {"id": "b", "coupon": "pool-2"}, limit={"uses": 5})),
        [("error", "/rules/1/give/draw/prizes/1/coupon", "unknown_pool")],
    ),
    (
        "a public code",
        document(BASE, discount(when={"coupon": ["spring"]}, limit={"customer": {"uses": 1}})),
        [("info", "/rules/1/when/coupon", "public_code")],
    ),
    (
        "a public code without limit",
        document(BASE, discount(when={"all": [{"coupon": ["spring", "pool-1"]}]}, limit={"receipt": 100})),
        [
            ("info", "/rules/1/when/all/0/coupon", "public_code"),
            ("warning", "/rules/1/when/all/0/coupon", "public_code_without_limit"),
        ],
    ),
    # --- rules that never apply ---
    ("a disabled rule", document(BASE, {"enabled": False}), [("info", "/rules/1/enabled", "disabled")]),
    ("a rule that is over", document(BASE, OVER), [("warning", "/rules/1/until", "over")]),
    (
        "dates that are over",
        document(BASE, {"when": {"any": [{"date": {"until": "2026-11-20"}}, {"date": {"until": "2025-01-01"}}]}}),
        [("warning", "/rules/1/when", "over")],
    ),
    ("dates that are not quite over", document(BASE, {"when": {"date": {"until": "2026-11-21"}}}), []),
    (
        "dates outside the window",
        document(BASE, {"from": "2026-12-10T00:00:00+03:00", "when": {"date": {"until": "2026-12-09"}}}),
        [("error", "/rules/1/when", "never_true")],
    ),
    (
        "an event with lines",
        document(BASE, EVENT | {"when": {"event": "review"}, "on": {"sku": ["A"]}}),
        [("error", "/rules/1/on", "never_true")],
    ),
    (
        "an event with a basket",
        document(BASE, EVENT | {"when": {"all": [{"event": "review"}, {"basket_total": {"min": 1}}]}}),
        [("error", "/rules/1/when", "never_true")],
    ),
    (
        "two events at once",
        document(BASE, EVENT | {"when": {"all": [{"event": "review"}, {"event": "signup"}]}}),
        [("error", "/rules/1/when", "never_true")],
    ),
    (
        "an event with a cost",
        document(BASE, {"kind": "reward", "give": {"gift": "A"}, "cost": {"points": 1}, "when": {"event": "review"}}),
        [("error", "/rules/1/cost", "never_true")],
    ),
    (
        "everything excluded",
        document(BASE, {"on": {"category": ["a/b", "c"], "exclude": {"category": ["a", "c"]}}}),
        [("error", "/rules/1/on/exclude/category", "nothing_selected")],
    ),
    ("some excluded", document(BASE, {"on": {"category": ["a"], "exclude": {"category": ["a/b"], "sku": ["1"]}}}), []),
    (
        "a bundle that is left out",
        document(BASE, discount(give={"bundle": {"skus": ["A", "B"], "price": 1}}, on={"sku": ["A"]})),
        [("error", "/rules/1/on/sku", "nothing_selected")],
    ),
    ("a gift of nothing", document(BASE, {"give": {"units": 0}}), [("warning", "/rules/1/give", "gives_nothing")]),
    (
        "a factor without anything to multiply",
        document({"give": {"multiply": "2"}}, BASE),
        [("warning", "/rules/0/give", "gives_nothing")],
    ),
    # --- rivals ---
    (
        "a tie",
        document({"lane": "b", "when": {"weekday": 1}}, BASE, {"when": {"tier": ["gold"]}}, BASE, **LANES),
        [("warning", "/rules/3", "always_ties")],
    ),
    (
        "no tie",
        document({"lane": "b"}, BASE, {"priority": 1}, {"give": {"percent": "6"}}, discount(), **LANES),
        [],
    ),
    (
        "no tie of what is asked for",
        document(BASE, *[discount(cost={"points": 1})] * 2, lanes=[{"id": "a", "combine": "best"}]),
        [],
    ),
    (
        "a shadow",
        document({"when": {"weekday": 1}}, {"priority": -1}, {"priority": 1}, lanes=[{"id": "b", "combine": "first"}]),
        [("warning", "/rules/0", "shadowed"), ("warning", "/rules/1", "shadowed")],
    ),
    # --- the scheme ---
    (
        "a phone that is limited, and the id that it leads to isn't",
        document(BASE, redemption={"strength": {"phone": 0}}),
        [("warning", "/redemption/strength", "strength_by_id")],
    ),
    (
        "an id that may do more than a phone",
        document(BASE, redemption={"strength": {"phone": 5, "id": 6, "card": 5}}),
        [("warning", "/redemption/strength", "strength_by_id")],
    ),
    ("an id that counts as a card", document(BASE, redemption={"strength": {"phone": 5, "card": 5}}), []),
    ("an id that may do as much as a phone", document(BASE, redemption={"strength": {"phone": 5, "id": 5}}), []),
    ("an unused lane", document(BASE, **LANES), [("warning", "/lanes/1", "unused_lane")]),
    ("a wallet for gift cards", document(), [("info", "/wallets/points", "unfilled_wallet")]),
    ("an unused wallet", document(BASE, **STAMPS), [("warning", "/wallets/stamps", "unused_wallet")]),
    ("an unused wallet that is a must", document(redemption={"wallets": []}), [
        ("info", "/wallets/points", "unused_wallet")]),
    ("a cap of an empty wallet", document(BASE, **into(), **cap(wallet="stamps")), [
        ("info", "/wallets/stamps", "unfilled_wallet"), ("warning", "/caps/0", "unreachable_cap")]),
    (
        "a cap above all limits",
        document({"limit": {"customer": {"max": 60, "period": "ever"}}}, {"limit": {"budget": 40}}, **cap()),
        [("warning", "/caps/0", "unreachable_cap")],
    ),
    (
        "a cap below one",
        document({"limit": {"customer": {"max": 60, "period": "day"}}}, {"limit": {"budget": 40}}, **cap()),
        [],
    ),
    (
        "a tier out of reach",
        document({"limit": {"customer": {"uses": 3, "max": 999}}}, **UNITS),
        [("warning", "/tiers/1", "unreachable_tier")],
    ),
    (
        "a window without an end",
        document(BASE, tier_policy={"window": "ever", "down": "end_of_window"}),
        [("warning", "/tier_policy/down", "endless_window")],
    ),
    ("luck without end", document(BASE, luck({"id": "a", "units": 1}, {"id": "b", "gift": "B", "stock": 1})), [
        ("warning", "/rules/1/give/draw", "endless_luck")]),
    ("luck with stock", document(BASE, luck({"id": "b", "gift": "B", "stock": 1})), []),
    (
        "a prize that counts for nothing",
        document(BASE, luck({"id": "a", "gift": "A"}, limit={"budget": 100})),
        [("warning", "/rules/1/give/draw/prizes/0", "costs_nothing")],
    ),
    (
        "a prize that is kept",
        document(BASE, luck({"id": "a", "units": 1}, limit={"budget": 100}, on_return="keep")),
        [("info", "/rules/1/on_return", "kept_on_return")],
    ),
    # --- loops ---
    ("points on points", document(BASE, **NET), [("warning", "/accrual/base", "redemption_feeds_accrual")]),
    (
        "points that grow",
        document({"give": {"per": {"amount": 100, "units": 1}}}, **NET),
        [("error", "/accrual/base", "redemption_feeds_accrual")],
    ),
    (
        "stamps on points",
        document(BASE, {"give": {"units": 1, "wallet": "stamps"}}, redemption={"wallets": []}, **NET, **into()),
        [],
    ),
    (
        "a conversion that survives returns",
        document(BASE, {"give": {"units": 1, "wallet": "stamps"}}, **into(debt="clamp")),
        [("warning", "/wallets/stamps/convert", "conversion_survives_return")],
    ),
    (
        "a conversion that gains",
        document(BASE, {"give": {"units": 1, "wallet": "stamps"}}, **into(value=40)),
        [("warning", "/wallets/stamps/convert", "conversion_changes_value")],
    ),
    ("a fair conversion", document(BASE, {"give": {"units": 1, "wallet": "stamps"}}, **into(value=50)), []),
]  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND])
def test_a_doubt_is_told_at_its_place(program: Json, expected: list[Told]) -> None:
    assert told(program) == expected


def test_the_figure_of_what_comes_back_is_told() -> None:
    program = document({"give": {"percent": "4"}}, {"give": {"per": {"amount": 10000, "units": 1}}}, **NET)
    found = check_program(read_program(program), program, now=NOW, segments=(), pools=())

    assert "every 100 of it bring back up to 5 (rules r0, r1)" in found[0].message


DEMOS = [
    each
    for folder in (files("app.demo"), files("app.demo").joinpath("programs"))
    for each in folder.iterdir()
    if each.name.endswith(".json")
]


@pytest.mark.parametrize("program", DEMOS, ids=lambda each: each.name)
def test_the_ready_programs_have_nothing_to_be_warned_of(program: Any) -> None:
    source = orjson.loads(program.read_bytes())
    segments, pools = named_in(source, "segment"), named_in(source, "coupon")

    found = check_program(read_program(source), source, now=NOW, segments=segments, pools=pools)

    assert [finding for finding in found if finding.severity is not Severity.INFO] == []


def named_in(value: Any, word: str) -> set[str]:
    """The names that a document gives to segments (`segment` tests) or pools (`coupon` gives)."""
    if isinstance(value, dict):
        here = value.get(word, [])
        inner = set().union(*(named_in(each, word) for each in value.values()))
        return inner | ({here} if isinstance(here, str) else set(here) if word == "segment" else set())
    return set().union(*(named_in(each, word) for each in value)) if isinstance(value, list) else set()
