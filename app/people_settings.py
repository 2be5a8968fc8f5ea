"""The settings of signing in, a part of `app.config.Settings`: our public name, limits, the identity provider."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from app.this_machine import is_private

ROLES = ("marketer", "analyst", "support", "admin")


class PeopleSettings(BaseSettings):
    public_url: str | None = Field(
        default=None,
        description="where browsers reach the service, as https://loyalty.example; not set: people sign in here only",
    )
    sign_in_tries: int = Field(
        default=10, ge=0, le=1_000, description="tries to sign in that a login has in 15 minutes; 0: no limit"
    )
    sign_in_tries_address: int = Field(
        default=50, ge=0, le=100_000, description="likewise of an address (IPv6: its /64); 0: no limit"
    )
    oidc_client_id: str | None = Field(
        default=None, min_length=1, description="what the OpenID Connect provider knows us by"
    )
    oidc_client_secret: str | None = Field(
        default=None, min_length=1, repr=False, description="and its secret; not set: a public client, with PKCE alone"
    )
    oidc_scope: str = Field(default="openid", description="what the provider is asked for, parted by spaces")
    oidc_roles_claim: str = Field(
        default="groups", min_length=1, description="the ID token's claim with groups, as groups or realm_access.roles"
    )
    oidc_roles: str = Field(
        default="",
        description="a role for each group, as head-office=admin,promo=marketer; the first that fits decides",
    )
    oidc_issuer: str | None = Field(
        default=None, description="the OpenID Connect provider that people sign in at, as https://id.example/realm"
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(_private(value))
        if parts.path.strip("/") or parts.netloc != parts.netloc.lower() or "@" in parts.netloc:
            raise ValueError("must be an origin as a browser writes it, as https://loyalty.example")
        return value.rstrip("/")

    @field_validator("oidc_scope")
    @classmethod
    def _asks_who_it_is(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must hold openid")
        return value

    @field_validator("oidc_roles")
    @classmethod
    def _is_a_role_for_each_group(cls, value: str) -> str:
        if not all(group and role in ROLES for group, role in _roles_by_group(value)):
            raise ValueError(f"must be GROUP=ROLE, parted by commas, each role one of {', '.join(ROLES)}")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_a_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not (info.data.get("oidc_client_id") and info.data.get("oidc_roles")):
            raise ValueError("needs OIDC_CLIENT_ID and OIDC_ROLES beside it")
        return _private(value)

    @property
    def roles_by_group(self) -> dict[str, str]:
        """OIDC_ROLES, one by one, in their order."""
        return dict(_roles_by_group(self.oidc_roles))


def _private(value: str) -> str:
    """An address where nobody on the way reads along: by TLS, or on this machine. Raises ValueError."""
    parts = urlsplit(value)
    if not is_private(value) or parts.query or parts.fragment:
        raise ValueError("must be an address that begins with https://")
    return value


def _roles_by_group(text: str) -> Iterator[tuple[str, str]]:
    """A group's name may hold `=`, as in a directory."""
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, role = part.rpartition("=")
        yield group.strip(), role.strip()
