"""Kopilka, a loyalty service for tills: it finds the customer, prices the basket by the shop's program, and posts the
purchase to a double-entry ledger before it answers.

A functional core inside an imperative shell: the core decides, the shell fetches and writes.

    domain/     no I/O, no clock, no luck, no await
                program/ (what a program is), programs/ (a document to a program, or to all its mistakes),
                rules/ (a basket to a decision), ledger/ (a decision to a balanced posting), draws/ (luck, and its
                proof), backtest/ (a draft on past baskets)
    flows/      one file a use case; rounds.py and post_round.py are the hot path; ports*.py say what flows need
    channels/   messages to customers: a file, mail (wiring_confirmation.py: and who confirms what)
    storage/    PostgreSQL        cache/  Redis        api/  HTTP        vault.py  personal data, sealed
    clock.py    the database's time                    telemetry/  logs and metrics
    wiring.py   the one place that knows every concrete class; background.py, for what jobs do; deed_log.py, for the
                audit log of any process

    cli.py      the commands (`python -m app`), cli_access.py: those of keys and people, cli_tools.py: what both share;
                serve.py, workers.py, jobs_process.py: the processes they start
    processors.py   which processors they run on        stopping.py   a stop while they start
    main.py     the ASGI entrance; jobs.py the background work; demo/ a program, customers and keys to try
    backtest.py a draft tried on past baskets: backtest_command.py, backtest_worker.py; beside.py starts what must not
                slow the tills; draw_check.py recomputes draws
    key_command.py  keys made, rotated, listed from the command line; people_command.py, people's accounts
    passwords.py  argon2 and sealed code secrets (sealing.py: how all is sealed); identity_provider.py, OpenID Connect;
                wiring_people.py, who signs in; wiring_abuse.py, wiring_offline.py: budgets and limits, tills without
                connection
    master_command.py  the master key replaced; wrapped_keys.py, customers' keys under it; wiring_personal.py;
                erasures_command.py, erasures done again where a backup was restored
    load.py     customers and balances of another scheme, brought in from a file (load_files.py)
    config.py   settings (people_settings.py: of signing in; abuse_settings.py: of limits), keyring.py the service's
                secrets, weak_secrets.py what is refused of them, addresses.py, this_machine.py (what never leaves
                it), schema.py, verification.py (the self-audit)
    progress.py how far a long command is
    one_write.py  a turn's answers at its end, each in one write
    compiled_core.py  the core as machine code where it was compiled (compile_core.py)
    proof_check.py  checks a saved proof; by itself, so that anybody may read and run it
    engines/    embedded PostgreSQL and Valkey for a start with nothing configured

Everything may import `domain`; `flows` import `domain` and their own ports; `storage`, `cache` and `api` never one
another; only `wiring` and the entrances above it know all. pyproject.toml says the same to import-linter.

The first ten minutes, in this order:

1. `domain/program/`: what a program, lane, rule and reward are.
2. `domain/rules/evaluate.py`: a basket goes in, a decision comes out.
3. `domain/ledger/plans.py`: a decision becomes one balanced posting.
4. `flows/rounds.py` and `flows/post_round.py`: requests that one transaction posts together: claim, lock, read,
   share, decide, write, commit, tell.
5. `storage/ledger.py`: the few statements a round runs.
6. `api/purchases.py`: the calls of a sale, as tills see them.

Words: a *program* has *lanes* of *rules*; a *posting* is balanced *entries*; a *lot* is points that expire together; a
*claim* takes an idempotency key or a receipt for ever; a *rejection* is a "no" that the business expects.
"""

from app.compiled_core import chosen_core

chosen_core()  # All that is done at import: once a process has imported the domain, its form can't be chosen any more.
