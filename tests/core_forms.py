"""Decides cases in a process of its own, for tests that hold the compiled core to the pure one.

`python -m tests.core_forms CASES RESULTS`: reads pickled `Case`s, writes a JSON list of texts, one for each deal, which
show every value and its type; a refusal or an error is its class and words. `COMPILED_CORE` says which form.
"""

import pickle
import sys
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from app.compiled_core import chosen_core
from app.domain.programs import read_program
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.domain.rules.evaluate import evaluate
from tests.domain.words import typed_basket, typed_customer, typed_visit, typed_world
from tests.model.arithmetic import Json
from tests.model.world import World


class Case(NamedTuple):
    """`deals` are decided by one program: basket, customer, visit, what is asked for, world, act."""

    program: Json
    deals: list[tuple[Json, Json | None, Json, Json, World | None, str | None]]


def main() -> None:
    """The process. The first line of the results is the form that ran."""
    cases, results = (Path(name) for name in sys.argv[1:])
    told: list[str] = [chosen_core().form]
    for case in pickle.loads(cases.read_bytes()):  # noqa: S301 - our own file, of a moment ago
        program = compile_program(read_program(case.program))
        told += [decided(program, *deal) for deal in case.deals]
    results.write_bytes(orjson.dumps(told))


def decided(
    program: CompiledProgram,
    basket: Json,
    customer: Json | None,
    visit: Json,
    redeem: Json,
    world: World | None,
    event: str | None,
) -> str:
    asked: dict[str, Any] = {name: units for name, units in redeem.items() if name != "rewards"}
    try:
        decision = evaluate(
            program,
            typed_basket(basket),
            customer=typed_customer(customer),
            visit=typed_visit(visit, event=event),
            redeem=asked,
            rewards=redeem.get("rewards", {}),
            standing=None if world is None else typed_world(world),
        )
    except (Rejected, ValueError) as error:
        return f"{type(error).__name__}: {error} {vars(error)}"
    return f"{decision!r} {orjson.dumps(decision.verdicts).decode()}"


if __name__ == "__main__":
    main()
