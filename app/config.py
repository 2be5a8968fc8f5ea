"""Settings: read once from the environment, checked, frozen.

Every setting is an environment variable of the same name in capitals, or a file of that name in /run/secrets (the usual
place for container secrets; the environment wins). An empty variable counts as not set. A bad value raises
`BadSetting`, whose text is one line that names the setting and never repeats the value: addresses hold passwords.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, NoReturn, Self
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from app.abuse_settings import AbuseSettings
from app.addresses import plain_database_url
from app.compiled_core import chosen_core
from app.domain.amounts import AMOUNT_MAX
from app.domain.key_text import KeyEnv
from app.people_settings import PeopleSettings

CONTAINER_SECRETS = Path("/run/secrets")

# `shop` is app/demo/program.json, the others are files of app/demo/programs.
DemoProgram = Literal[
    "shop",
    "accumulating_card",
    "cafe_stamps",
    "cashback_bank",
    "club_card",
    "coalition",
    "discount_card",
    "fuel",
    "gamified_delivery",
]

# What pydantic puts before the part that tells something.
_PYDANTIC_PREFIX = re.compile(r"^(Value error, |Input )")

# As a browser writes it: no path, no wildcard, lower case.
_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")

_MAIL_ADDRESS = re.compile(r"[^\s@<>]+@[A-Za-z0-9.\-]+")


class CannotStart(Exception):
    """What stops a command; `str()` is one line for whoever typed it."""


class BadSetting(CannotStart):
    """A setting that the service cannot start with; the line names it."""


class Settings(PeopleSettings, AbuseSettings):
    """What can be set from outside. Defaults are those of a first start on an ordinary machine."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    database_url: str | None = Field(
        default=None, description="PostgreSQL, as postgresql://…; not set: an embedded server in DATA_DIR"
    )
    database_owner_url: str | None = Field(
        default=None, description="the address that migrate uses, the database's owner; default DATABASE_URL"
    )
    redis_url: str | None = Field(
        default=None, description="Redis or Valkey, as redis://… or unix://…; not set: an embedded server in DATA_DIR"
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    workers: int = Field(default=1, ge=1, le=64, description="processes that answer requests")
    pin_workers: bool = Field(
        default=True,
        description="each worker on a processor of its own, where there are as many of them, and PostgreSQL's "
        "for its small rounds; Linux",
    )
    data_dir: Path = Field(
        default=Path(".data"), validate_default=True, description="embedded engines and local secrets live here"
    )
    secrets_file: Path | None = Field(
        default=None, description="JSON file of the service's secrets, made when missing; default DATA_DIR/secrets.json"
    )
    log_format: Literal["json", "console"] = Field(default="json", description="json (a line an event) or console")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least urgent level that is logged: debug, info, warning or error"
    )
    at_max_age_hours: int = Field(
        default=72, ge=0, le=1_000_000, description="how far back the time of a deal may lie, in hours; 0: no limit"
    )
    offline_max_age_days: int = Field(
        default=30,
        ge=0,
        le=100_000,
        description="how far back a receipt made without connection may lie, in days; 0: no limit",
    )
    offline_allowance_units: int = Field(
        default=300,
        ge=0,
        le=AMOUNT_MAX,
        description="units that a till without connection may take from a customer it looked up; 0: none",
    )
    offline_allowance_hours: int = Field(
        default=24, ge=1, le=8_760, description="for how long such an allowance is good, in hours"
    )
    adjust_confirm_above: int = Field(
        default=0,
        ge=0,
        le=AMOUNT_MAX,
        description="units of a wallet that one person may adjust of a customer in a day; more waits for a second",
    )
    challenges_customer_max: int = Field(
        default=5,
        ge=0,
        le=1_000,
        description="codes that a customer is sent in 10 minutes, and four times as many a day; 0: any number",
    )
    challenges_terminal_max: int = Field(
        default=60, ge=0, le=100_000, description="codes that a terminal has sent in 10 minutes; 0: any number"
    )
    smtp_url: str | None = Field(
        default=None,
        description="sends codes by mail, as smtps://user:password@host; not set: into DATA_DIR/messages.jsonl",
    )
    smtp_from: str = Field(default="kopilka@localhost", description="the address that such mail is from")
    returns_any_shop: bool = Field(default=False, description="true lets a shop take back what another shop has sold")
    publish_backtest_hours: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="publishing needs a back-test of the very draft that ended within so many hours; 0: it needs none",
    )
    phone_region: str = Field(default="RU", description="region of phone numbers written without a country code")
    allow_unsafe_database: bool = Field(
        default=False,
        description="true starts even where the database's settings (fsync and its like) could lose answered purchases",
    )
    demo_program: DemoProgram = Field(
        default="shop", description="which program a demo begins with: shop, or a file of app/demo/programs"
    )
    metrics_dir: Path | None = Field(
        default=None, description="where several workers add up their metrics; default DATA_DIR/metrics"
    )
    compiled_core: Literal["auto", "off", "required"] = Field(
        default="auto",
        description="the core as machine code: auto (where make compile has made it), off, or required to start",
    )

    key_env: KeyEnv = Field(
        default=KeyEnv.LIVE,
        description="live or test: what keys are made for here, and which are taken; keys without a check always are",
    )
    trusted_proxies: str = Field(
        default="",
        description="addresses or networks of proxies whose Client-Cert and X-Forwarded-For count, parted by commas",
    )
    internal_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="a port of its own for /docs, /openapi.json and /metrics; PORT then has nothing there",
    )
    internal_host: str = Field(default="127.0.0.1", min_length=1, description="address that INTERNAL_PORT listens on")
    cors_origins: str = Field(
        default="",
        description="pages that may call from a browser, as https://a.example,https://b.example; none else may",
    )
    hsts_seconds: int = Field(
        default=0,
        ge=0,
        le=63_072_000,
        description="for how long browsers ask for this name by https only, in seconds; 0: nothing is said of it",
    )
    connections_max: int = Field(
        default=4_096, ge=1, le=1_000_000, description="connections that a worker holds; a further one gets 503"
    )
    head_bytes_max: int = Field(
        default=32_768, ge=1_024, le=1_048_576, description="bytes of a request's first line and headers; more gets 431"
    )
    headers_max: int = Field(default=100, ge=10, le=10_000, description="headers of a request; more gets 431")
    head_seconds_max: int = Field(
        default=10, ge=1, le=3_600, description="seconds that the head of a request may take to come; then it gets 408"
    )
    body_seconds_max: int = Field(
        default=60, ge=1, le=3_600, description="seconds that a body may take to come, and an answer to be taken"
    )

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _is_a_database_address(cls, value: str | None) -> str | None:
        return value if value is None else plain_database_url(value)

    @field_validator("redis_url")
    @classmethod
    def _is_a_cache_address(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must be an address that begins with redis://, rediss:// or unix://")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"smtp", "smtps"} or not urlsplit(value).hostname):
            raise ValueError("must be an address that begins with smtp:// or smtps://")
        return value

    @field_validator("smtp_from")
    @classmethod
    def _is_a_mail_address(cls, value: str) -> str:
        if not _MAIL_ADDRESS.fullmatch(value):
            raise ValueError("must be a mail address, as loyalty@shop.example")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _is_a_list_of_origins(cls, value: str) -> str:
        origins = [origin.strip() for origin in value.split(",") if origin.strip()]
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("must be origins as a browser sends them, as https://shop.example, parted by commas")
        return ",".join(origins)

    @field_validator("trusted_proxies")
    @classmethod
    def _is_a_list_of_networks(cls, value: str) -> str:
        if any(network.prefixlen == 0 for network in _networks(value)):
            raise ValueError("must not be everybody")
        return value

    @field_validator("internal_port")
    @classmethod
    def _is_another_port(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("port"):
            raise ValueError("must be another one than PORT")
        return value

    @field_validator("log_format", "log_level", "compiled_core", "key_env", mode="before")
    @classmethod
    def _takes_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("data_dir", "secrets_file", "metrics_dir")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("compiled_core")
    @classmethod
    def _is_compiled_where_required(cls, value: str) -> str:
        if value == "required" and (core := chosen_core()).form != "compiled":
            raise ValueError(f"is required, but the core runs as Python: {core.because}")
        return value

    @field_validator("phone_region")
    @classmethod
    def _is_a_known_region(cls, value: str) -> str:
        if value.upper() not in SUPPORTED_REGIONS:
            raise ValueError("must be a two-letter region with a numbering plan, as RU or KZ")
        return value.upper()

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """CORS_ORIGINS, one by one."""
        return tuple(self.cors_origins.split(",")) if self.cors_origins else ()

    @property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """TRUSTED_PROXIES, one by one."""
        return tuple(_networks(self.trusted_proxies))

    @property
    def secrets_path(self) -> Path:
        """Where the keyring is kept."""
        return self.secrets_file or self.data_dir / "secrets.json"

    @property
    def metrics_path(self) -> Path:
        """Directory of the metrics that several workers share; one a port, so that neighbours don't mix."""
        return (self.metrics_dir or self.data_dir / "metrics") / str(self.port)

    @classmethod
    def read(cls, **overrides: Any) -> Self:
        """The settings of the environment; `overrides` (of the command line) win, None ones don't count.

        Raises `BadSetting`.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            if CONTAINER_SECRETS.is_dir():
                return cls(_secrets_dir=CONTAINER_SECRETS, **given)
            return cls(**given)
        except ValidationError as error:
            _refuse(error)


@dataclass(frozen=True, slots=True)
class SettingFact:
    """One line of `app settings`."""

    name: str
    default: str
    meaning: str


def describe_settings() -> Iterator[SettingFact]:
    """All settings in their order, with the default as one would write it and what each means."""
    parts = {**AbuseSettings.model_fields, **PeopleSettings.model_fields}
    own = {name: field for name, field in Settings.model_fields.items() if name not in parts}
    for name, field in {**own, **parts}.items():
        default = "" if field.default is None else str(field.default)
        if isinstance(field.default, bool):
            default = default.lower()
        yield SettingFact(name=name.upper(), default=default, meaning=field.description or "")


def _networks(text: str) -> Iterator[IPv4Network | IPv6Network]:
    """Raises ValueError."""
    for name in filter(None, (part.strip() for part in text.split(","))):
        try:
            yield ip_network(name)
        except ValueError:
            raise ValueError("must be addresses or networks, as 10.0.0.7 or 10.1.0.0/16, parted by commas") from None


def _refuse(error: ValidationError) -> NoReturn:
    """Raises `BadSetting` for the first finding; the value is never repeated."""
    finding = error.errors(include_url=False, include_input=False)[0]
    name = str(finding["loc"][0]).upper() if finding["loc"] else "settings"
    reason = _PYDANTIC_PREFIX.sub("", finding["msg"])
    raise BadSetting(f"setting {name} {reason[0].lower()}{reason[1:]}") from None
