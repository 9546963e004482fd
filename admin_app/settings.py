"""Settings: environment variables that begin with PEONY_, validated once when the house starts."""

from __future__ import annotations

import difflib
import os
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from models.connection import UnknownEngineError, url_of

HOUSE = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting that cannot be used; one sentence per setting."""


class Settings(BaseSettings):
    """Every setting, with its default. The README's table is made from this class, and a test holds them together."""

    model_config = SettingsConfigDict(env_prefix="PEONY_", extra="ignore", frozen=True)

    data_dir: Path = Field(HOUSE / "instance", description="Folder of the database, the keys and the backups")
    database_url: str = Field("", description="Database address; empty means SQLite in the data folder")
    rules_dir: Path = Field(HOUSE / "rules", description="Folder of the owner's YAML files")
    timezone: str = Field("Asia/Shanghai", description="Time zone of the stores")
    language: str = Field(
        "zh_Hans_CN", description="Language where neither user nor browser says one: zh_Hans_CN or en"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(5000, ge=1, le=65535, description="Port to listen on")
    https: bool = Field(False, description="Served over HTTPS: secure cookies and HSTS")
    proxies: int = Field(0, ge=0, le=5, description="Trusted reverse proxies in front; their headers name the client")
    proxy_addresses: str = Field(
        "127.0.0.1,::1",
        description="Addresses or networks of the nearest proxy; headers from anywhere else are ignored",
    )
    scheduler: bool = Field(True, description="Whether this process looks after the schedules")
    idle_minutes: int = Field(480, ge=5, description="A session ends after so many minutes without a page")
    session_hours: int = Field(12, ge=1, description="A session ends after so many hours in any case")
    reveals_per_day: int = Field(200, ge=1, description="Masked values one person may reveal in a day")
    metrics_token: str = Field("", description="Bearer token for /metrics; empty: nobody reads it")
    export_rows: int = Field(100_000, ge=1, description="Most rows in one exported file")

    anchor_key: Path | None = Field(
        None, description="File of the private key that signs the log's anchors; empty: anchor.key in the data folder"
    )
    anchor_public_key: str = Field(
        "", description="The only public key that anchors may be signed with, in hexadecimal; empty: see anchors.pub"
    )
    anchor_copy: str = Field(
        "", description="Second place of the anchors: a folder, or an http(s) address that takes them by POST"
    )
    anchor_hosts: str = Field(
        "",
        validate_default=True,
        description="Hosts that PEONY_ANCHOR_COPY may name, with commas between",
    )

    @field_validator("anchor_key", mode="before")
    @classmethod
    def _no_empty_path(cls, value: object) -> object:
        return value or None

    @field_validator("anchor_hosts")
    @classmethod
    def _allowed_host(cls, hosts: str, info: ValidationInfo) -> str:
        place = urlsplit(info.data.get("anchor_copy") or "")
        if place.scheme in {"http", "https"} and place.hostname not in {one.strip() for one in hosts.split(",")}:
            raise ValueError(f"PEONY_ANCHOR_COPY names the host {place.hostname!r}, which is not among these")
        return hosts

    @field_validator("data_dir", "rules_dir", "host", mode="before")
    @classmethod
    def _something(cls, value: object) -> object:
        if not str(value).strip():
            raise ValueError("this must not be empty")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name

    @field_validator("language")
    @classmethod
    def _known_language(cls, name: str) -> str:
        if name not in {"zh_Hans_CN", "en"}:
            raise ValueError("the languages are zh_Hans_CN and en")
        return name

    @field_validator("proxy_addresses")
    @classmethod
    def _known_networks(cls, said: str) -> str:
        for part in said.split(","):
            ip_network(part.strip())  # raises ValueError
        return said

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def url(self) -> URL:
        """The database's address, with the driver that the house brings along."""
        if not self.database_url:
            return URL.create("sqlite", database=str((self.data_dir / "peony.db").resolve()))
        return url_of(self.database_url)


def load_settings(**given: object) -> Settings:
    """The settings from the environment, with what was given on the command line on top.

    :raises SettingsError: a value cannot be used.
    """
    known = {f"PEONY_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith("PEONY_") and name not in known and not name.startswith("PEONY_TEST_"):
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(f"There is no setting {name}" + (f"; did you mean {near[0]}?" if near else "."))
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        if settings.database_url:
            url_of(settings.database_url)
    except ValidationError as error:
        lines = [f"PEONY_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    except ArgumentError as error:
        raise SettingsError("PEONY_DATABASE_URL: not a database address (such as postgresql://…)") from error
    except UnknownEngineError as error:
        raise SettingsError(f"PEONY_DATABASE_URL: {error} is neither sqlite nor postgresql") from error
    return settings
