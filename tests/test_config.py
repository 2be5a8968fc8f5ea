"""Settings come from the environment, are checked at once, and a bad one is told in a line that names it."""

from pathlib import Path

import pytest

from app import config
from app.addresses import plain_database_url, without_password
from app.config import BadSetting, Settings, describe_settings

CONTRACT = {
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "HOST",
    "PORT",
    "WORKERS",
    "DATA_DIR",
    "SECRETS_FILE",
    "LOG_FORMAT",
    "AT_MAX_AGE_HOURS",
    "PHONE_REGION",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for fact in describe_settings():
        monkeypatch.delenv(fact.name, raising=False)


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings.read()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert (settings.at_max_age_hours, settings.phone_region) == (72, "RU")
    assert settings.database_url is settings.redis_url is None
    assert settings.data_dir == Path.cwd() / ".data"
    assert settings.secrets_path == settings.data_dir / "secrets.json"


def test_every_setting_is_described_and_read_by_its_name_in_capitals() -> None:
    facts = {fact.name: fact for fact in describe_settings()}
    assert set(facts) >= CONTRACT
    assert all(fact.meaning for fact in facts.values())
    assert facts["PORT"].default == "8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eight"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("WORKERS", "0"),
        ("DATABASE_URL", "mysql://host/db"),
        ("DATABASE_URL", "postgresql+asyncpg://host/db"),
        ("DATABASE_URL", "postgresql://host"),
        ("DATABASE_OWNER_URL", "host/db"),
        ("REDIS_URL", "http://cache"),
        ("INTERNAL_PORT", "8000"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.shop.example"),
        ("CORS_ORIGINS", "https://shop.example/"),
        ("CORS_ORIGINS", "https://shop.example,null"),
        ("CONNECTIONS_MAX", "0"),
        ("HEAD_SECONDS_MAX", "0"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("AT_MAX_AGE_HOURS", "-1"),
        ("AT_MAX_AGE_HOURS", "1.5"),
        ("PHONE_REGION", "XX"),
        ("ALLOW_UNSAFE_DATABASE", "perhaps"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting) as refusal:
        Settings.read()
    assert str(refusal.value).startswith(f"setting {name} ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", ["mysql://u:hunter2@host/db", "postgresql+asyncpg://u:hunter2@h/db"])
def test_a_refused_address_does_not_show_its_password(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(BadSetting) as refusal:
        Settings.read()
    assert "hunter2" not in str(refusal.value)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    assert Settings.read().database_url is None
    assert Settings.read().port == 8000


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8001")
    assert Settings.read(port="8002", host=None).port == 8002
    assert Settings.read(port=None).port == 8001


def test_a_container_secret_is_a_setting_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(config, "CONTAINER_SECRETS", tmp_path)
    (tmp_path / "DATABASE_URL").write_text("postgresql://secret@db/loyalty\n")
    assert Settings.read().database_url == "postgresql://secret@db/loyalty"
    monkeypatch.setenv("DATABASE_URL", "postgresql://environment@db/loyalty")
    assert Settings.read().database_url == "postgresql://environment@db/loyalty"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.read().port = 1  # type: ignore[misc]


def test_a_shown_address_has_no_password() -> None:
    assert without_password("postgresql://u:p%40ss@h/db") == "postgresql://u:***@h/db"
    assert without_password("postgresql://u@/db?host=/s&password=hunter2") == "postgresql://u@/db?host=/s&password=***"
    assert plain_database_url("postgres://u:p@h/db") == "postgresql://u:p@h/db"
