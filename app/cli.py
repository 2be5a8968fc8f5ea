"""The command line: `python -m app COMMAND`, settings from the environment (`settings` lists them). Those of keys and
people are in `app.cli_access`.

Each command loads only what it needs, reads the settings, runs or finds the engines, and says in one line on standard
error what stops it (exit code 1). Standard output carries answers only; progress goes to standard error, except where
a person watches (`serve`).
"""

import asyncio
import os
import signal
import sys
from typing import Annotated

import typer

from app.cli_access import erasures, keys, masters, people
from app.cli_tools import read_settings, ready_database, tell
from app.config import CannotStart, describe_settings
from app.engines import engines_for
from app.keyring import open_keyring
from app.weak_secrets import check_secrets

cli = typer.Typer(
    name="app",
    help="Kopilka: points, discounts and redemption for tills. Settings come from the environment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(erasures, name="erasures")
cli.add_typer(keys, name="keys")
cli.add_typer(masters, name="masters")
cli.add_typer(people, name="people")
draws = typer.Typer(help="Random rewards.", no_args_is_help=True)
cli.add_typer(draws, name="draws")


def main() -> None:
    """Runs the command; ends the process with 0, or 1 and one line, or 2 for a command that isn't one."""
    try:
        cli()
    except CannotStart as error:
        tell(str(error))
        sys.exit(1)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default HOST.")] = None,
    port: Annotated[str | None, typer.Option(help="Port to listen on; default PORT.")] = None,
    workers: Annotated[str | None, typer.Option(help="Processes that answer; default WORKERS.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Embedded engines and secrets; default DATA_DIR.")] = None,
    with_jobs: Annotated[bool, typer.Option("--with-jobs", help="Run the background jobs beside it.")] = False,
    with_demo: Annotated[bool, typer.Option("--with-demo", help="Make demo data in an embedded database.")] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="Stop when the starting process ends.")] = False,
) -> None:
    """Serve the HTTP interface; migrates an embedded database, never a named one."""
    from app.engines.child import end_with_parent
    from app.serve import serve_until_stopped

    if with_parent:
        end_with_parent(os.getppid(), signal.SIGTERM)
    settings = read_settings(host=host, port=port, workers=workers, data_dir=data_dir)
    sys.exit(serve_until_stopped(settings, with_jobs=with_jobs, with_demo=with_demo))


@cli.command()
def migrate() -> None:
    """Bring the schema to the newest version, as the database's owner (DATABASE_OWNER_URL)."""
    from app.schema import migrate_schema

    settings = read_settings()
    check_secrets(settings, say=tell)
    with engines_for(settings, say=tell, cache=False) as addresses:
        migrate_schema(addresses, say=tell)


@cli.command()
def demo() -> None:
    """Make a demo program, shop, terminals, customers and keys, and print how to use them."""
    from app.demo import ensure_demo
    from app.serve import base_url, quote_call

    settings = read_settings()
    with ready_database(settings) as addresses:
        keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)
        facts = asyncio.run(ensure_demo(addresses.database_url, keyring, settings, say=tell))
    typer.echo(quote_call(facts, base=base_url(settings)))


@cli.command()
def load(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV with a header, or a JSON object a line.")],
) -> None:
    """Bring in customers and opening balances; goes on where an earlier run ended. Exit code 1 if rows were refused."""
    from pathlib import Path

    from app.load import load as load_file

    settings = read_settings()
    with ready_database(settings) as addresses:
        keyring = open_keyring(settings.secrets_path, data_dir=settings.data_dir)
        url = addresses.database_url
        tally = asyncio.run(load_file(Path(file), settings=settings, keyring=keyring, database_url=url, say=tell))
    if tally.refused_rows:
        raise typer.Exit(1)


@cli.command()
def jobs() -> None:
    """Run the background jobs until stopped."""
    from app.jobs_process import run_jobs

    run_jobs(read_settings(), say=tell)


@cli.command()
def verify(
    roots: Annotated[
        list[str] | None, typer.Option("--root", metavar="DATE=HEX", help="A day's root that was kept; repeatable.")
    ] = None,
    log_heads: Annotated[
        list[str] | None,
        typer.Option("--log-head", metavar="INSTANCE/SEQ=HEX", help="A kept row of the audit log; repeatable."),
    ] = None,
) -> None:
    """Recompute sums, balances, versions, lots and hashes from the entries; a row a finding, exit code 1 if any."""
    from app.verification import read_kept, read_kept_heads
    from app.verification import verify as verify_ledger

    kept, heads, settings = read_kept(roots or []), read_kept_heads(log_heads or []), read_settings()
    with ready_database(settings) as addresses:
        url, watched = addresses.database_url, sys.stderr.isatty()
        found = asyncio.run(verify_ledger(url, say=typer.echo, progress=watched, kept=kept, kept_heads=heads))
    if found:
        raise typer.Exit(1)


@cli.command()
def proof(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A saved answer of GET /v1/customers/{id}/proof/{tx_id}.")
    ],
    root: Annotated[str | None, typer.Option(help="The root of the posting's day, as it was kept.")] = None,
) -> None:
    """Check that a posting is under a day's root, from a saved proof alone; exit code 1 if it isn't."""
    from app.proof_check import main as check

    sys.exit(check([file, *([f"--root={root}"] if root is not None else [])]))


@cli.command()
def backtest(
    draft: Annotated[str | None, typer.Argument(help="A program document to try; default: the kept draft.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First time of posting, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time; default now.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the last so many purchases.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: processors less one.")] = None,
    html: Annotated[str | None, typer.Option(help="Also write the report as a page to this file.")] = None,
    backtest_id: Annotated[str | None, typer.Option("--id", hidden=True)] = None,
) -> None:
    """Try a program on past baskets; the report is one JSON object on standard output."""
    from app.backtest_command import run_row, try_draft

    with ready_database(read_settings()) as addresses:
        if backtest_id is not None:
            run_row(addresses.database_url, backtest_id, workers=workers)
        else:
            report = try_draft(
                addresses.database_url, draft, start=start, until=until, last=last, workers=workers, html=html
            )
            typer.echo(report)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def replay(context: typer.Context) -> None:
    """Send real receipts through the HTTP interface: replay FILE --url … --key … (--help tells more)."""
    from loadtest.replay import main as replay_main

    sys.exit(replay_main(context.args))


@cli.command()
def settings() -> None:
    """List all settings with their defaults and meaning."""
    facts = list(describe_settings())
    name_width = max(len(fact.name) for fact in facts)
    default_width = max(len(fact.default) for fact in facts)
    typer.echo(f"{'SETTING':{name_width}}  {'DEFAULT':{default_width}}  MEANING")
    for fact in facts:
        typer.echo(f"{fact.name:{name_width}}  {fact.default or '-':{default_width}}  {fact.meaning}")


@draws.callback()
def draws_main() -> None:
    """Keeps `verify` a command of its own, though it is the only one."""


@draws.command("verify")
def verify_draws(
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first day, local of the program: 2026-11-21.")],
    last: Annotated[str, typer.Argument(metavar="UNTO", help="The last day, included.")],
) -> None:
    """Recompute all draws of these days from rules, secrets and receipts; a row a finding, exit code 1 if any."""
    from app.draw_check import read_day
    from app.draw_check import verify_draws as check
    from app.vault import KeyringVault

    start, end = read_day(first), read_day(last)
    if end < start:
        raise CannotStart(f"{last} is before {first}")
    settings = read_settings()
    with ready_database(settings) as addresses:
        vault = KeyringVault(open_keyring(settings.secrets_path, data_dir=settings.data_dir))
        url, watched = addresses.database_url, sys.stderr.isatty()
        found = asyncio.run(check(url, vault, first=start, last=end, say=typer.echo, progress=watched))
    if found:
        raise typer.Exit(1)
