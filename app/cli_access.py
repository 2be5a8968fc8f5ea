"""The commands of who may do what: keys, people, and the master key of personal data. As in `app.cli`, each loads only
what it needs.
"""

from pathlib import Path
from typing import Annotated

import typer

from app.cli_tools import read_settings, ready_database, tell

keys = typer.Typer(help="Keys of tills, shops and people.", no_args_is_help=True)
people = typer.Typer(help="People who sign in with a password and codes of ours.", no_args_is_help=True)
masters = typer.Typer(help="The master key of personal data, replaced while the service runs.", no_args_is_help=True)
erasures = typer.Typer(help="Whose personal data was destroyed, for databases restored later.", no_args_is_help=True)


@keys.command("create")
def create_key(
    role: Annotated[str, typer.Option(help="pos, shop, marketer, analyst, support, admin or ops.")],
    shop: Annotated[list[str] | None, typer.Option(help="The shop; several for a shop's key.")] = None,
    terminal: Annotated[str | None, typer.Option(help="The till of a pos key.")] = None,
    partner: Annotated[str | None, typer.Option(help="Whose shop it is, for rules that test `partner`.")] = None,
    signed_by: Annotated[
        str | None, typer.Option(metavar="FILE", help="An Ed25519 public key, PEM, that its writes must be signed by.")
    ] = None,
    certificate_sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="SHA-256 of the client certificate that it must come with.")
    ] = None,
) -> None:
    """Make a key and print it once, as one JSON object {"id","key","role"}."""
    from app.key_command import create

    settings = read_settings()
    with ready_database(settings) as addresses:
        made = create(
            addresses.database_url,
            env=settings.key_env,
            role=role,
            shops=shop or [],
            terminal=terminal,
            partner=partner,
            signed_by=signed_by,
            certificate_sha256=certificate_sha256,
        )
    typer.echo(made)


@keys.command("rotate")
def rotate_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """Make a second key with the same role, shops, terminal and demands, and print it once, as `create` does."""
    from app.key_command import rotate

    settings = read_settings()
    with ready_database(settings) as addresses:
        made = rotate(addresses.database_url, key_id, env=settings.key_env)
    typer.echo(made)
    tell(f"both keys work; when the new one is in place: python -m app keys revoke {key_id}")


@keys.command("list")
def list_keys() -> None:
    """List keys, a JSON object a line; the keys themselves are not kept."""
    from app.key_command import listed

    with ready_database(read_settings()) as addresses:
        for line in listed(addresses.database_url):
            typer.echo(line)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """Revoke a key; it is refused within seconds."""
    from app.key_command import revoke

    with ready_database(read_settings()) as addresses:
        revoke(addresses.database_url, key_id)
    tell(f"revoked {key_id}")


@people.command("create")
def create_person(
    login: Annotated[str, typer.Option(help="What the person signs in by: small letters, digits, dots, dashes.")],
    role: Annotated[str, typer.Option(help="marketer, analyst, support or admin.")],
) -> None:
    """Make an account and print its invitation, by which its owner sets the password: POST /v1/session/set-up."""
    from app.people_command import create

    with ready_database(read_settings()) as addresses:
        typer.echo(create(addresses.database_url, login=login, role=role))
    tell("the invitation is good once, for a day")


@people.command("list")
def list_people() -> None:
    """List people, a JSON object a line; those of an identity provider once they have signed in."""
    from app.people_command import listed

    with ready_database(read_settings()) as addresses:
        for line in listed(addresses.database_url):
            typer.echo(line)


@people.command("disable")
def disable_person(person_id: Annotated[str, typer.Argument(metavar="ID", help="As `people list` shows it.")]) -> None:
    """End a person's sessions, and let them sign in no more; both within seconds."""
    from app.people_command import disable

    with ready_database(read_settings()) as addresses:
        disable(addresses.database_url, person_id)
    tell(f"disabled {person_id}")


@people.command("reset")
def reset_person(person_id: Annotated[str, typer.Argument(metavar="ID", help="As `people list` shows it.")]) -> None:
    """Take password, codes and sessions away, and print a new invitation; also enables a disabled account."""
    from app.people_command import reset

    with ready_database(read_settings()) as addresses:
        typer.echo(reset(addresses.database_url, person_id))


@masters.command("list")
def list_masters() -> None:
    """List the master keys by their ids, a JSON object a line: the first wraps, the others only open."""
    from app.master_command import listed

    typer.echo(listed(read_settings()))


@masters.command("add")
def add_master() -> None:
    """Put one more master key into SECRETS_FILE; restart every process, then `rotate`."""
    from app.master_command import add

    settings = read_settings()
    with ready_database(settings) as addresses:
        made = add(settings, addresses.database_url)
    tell(f"added {made}; restart every process of the service, then: python -m app masters rotate")


@masters.command("rotate")
def rotate_master() -> None:
    """Wrap all customers' keys by the newest master key, beside the running service; goes on where it was cut off."""
    from app.master_command import rotate

    settings = read_settings()
    with ready_database(settings) as addresses:
        count = rotate(settings, addresses.database_url)
    tell(f"wrapped {count:,} keys anew; restart every process, rotate once more, and then: python -m app masters drop")


@masters.command("drop")
def drop_masters() -> None:
    """Forget the former master keys; refused while a customer's key needs one of them."""
    from app.master_command import drop

    settings = read_settings()
    with ready_database(settings) as addresses:
        count = drop(settings, addresses.database_url)
    tell(f"dropped {count}; restart every process of the service")


@erasures.command("list")
def list_erasures() -> None:
    """List all erasures, a JSON object a line, the newest first: a file to keep apart from the backups."""
    from app.erasures_command import listed

    with ready_database(read_settings()) as addresses:
        for line in listed(addresses.database_url):
            typer.echo(line)


@erasures.command("reapply")
def reapply_erasures(file: Annotated[Path, typer.Argument(help="As `erasures list` has written it.")]) -> None:
    """Erase everybody whom the file names once more, in a database that was restored from an earlier backup."""
    from app.erasures_command import reapply

    settings = read_settings()
    with ready_database(settings, cache=True) as addresses:
        again = reapply(file, settings=settings, database_url=addresses.database_url, redis_url=addresses.redis_url)
    tell(again.line())
