"""The plan of a statement, as PostgreSQL keeps it for any arguments, or as it makes it for these."""

import asyncpg

KEPT, MADE = "force_generic_plan", "force_custom_plan"


async def plan_of(
    owner: asyncpg.Connection, statement: str, *arguments: object, mode: str = KEPT, options: str = "verbose off"
) -> str:
    """mode: of `plan_cache_mode`, which an EXPLAIN with bound arguments doesn't heed (it plans for them), and one of
    EXECUTE does. options: of the EXPLAIN. In a transaction that the caller ends.

    Raises:
        RuntimeError: there is no transaction, so that the mode isn't set.
    """
    await owner.execute(f"set local plan_cache_mode = {mode}")
    if (now := await owner.fetchval("select current_setting('plan_cache_mode')")) != mode:
        raise RuntimeError(f"outside a transaction `set local` sets nothing: plan_cache_mode is {now}, not {mode}")
    await owner.execute(f"prepare looked_at as {statement}")
    await owner.execute("savepoint looked_at")  # Not asyncpg's `transaction()`, which wants to have begun all of them.
    try:
        types = await owner.fetchval(
            "select parameter_types::text[] from pg_prepared_statements where name = 'looked_at'"
        )
        literals = [
            await owner.fetchval(f"select quote_nullable($1::{name}::text)", argument)
            for name, argument in zip(types, arguments, strict=True)
        ]
        given = f"({', '.join(literals)})" if literals else ""
        rows = await owner.fetch(f"explain ({options}) execute looked_at {given}")
    finally:
        await owner.execute("rollback to looked_at; deallocate looked_at")
    return "\n".join(row[0] for row in rows)
