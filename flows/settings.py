"""Settings: `experience-kpis.toml` (or the file EXPERIENCE_KPIS_CONFIG names), then EXPERIENCE_KPIS_* variables, then flags.

The later wins.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from flows.agreed import OfficeHours, Sla, Targets, Terms, terms_of
from transforms.insight.actions import FILE_NAME
from transforms.office import OWNERS, Office
from transforms.stages import LONGEST_HOURS, STAGES

ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]+@[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]+")
SECRETS = {
    "hash_key": "EXPERIENCE_KPIS_HASH_KEY",
    "smtp_password": "EXPERIENCE_KPIS_SMTP_PASSWORD",
    "webhook_url": "EXPERIENCE_KPIS_WEBHOOK_URL",
    "notify_webhook_url": "EXPERIENCE_KPIS_NOTIFY_WEBHOOK_URL",
}


@cache
def _zones() -> set[str]:
    return available_timezones()  # looks through folders


class Settings(BaseSettings):
    """What a run needs to know: landing, out, mapping and memory are flags too; the key is no matter for a file."""

    model_config = SettingsConfigDict(env_prefix="EXPERIENCE_KPIS_", extra="forbid")

    landing: Path = Field(Path("data/landing"), description="folder with orders/ returns/ refunds/ contacts/ surveys/")
    out: Path = Field(Path("out"), description="where warehouse, marts and weekly files go")
    mapping: Path | None = Field(None, description="folder with <source>.sql for extracts of another shape")
    memory: str = Field("4GB", description="the engine's memory limit", pattern=r"^\d+(\.\d+)?\s*[KMGT]i?B$")
    threads: int | None = Field(None, description="the engine's threads; default: all cores", ge=1)
    max_unpacked: float = Field(64, description="GB that a packed file may hold", gt=0)
    max_expansion: float = Field(200, description="times its size that a packed file may hold, beyond 64 MB", gt=1)
    stale_hours: int = Field(72, description="hours after which a source without newer records is called stale", ge=1)
    keep_versions: int = Field(7, description="published versions kept for rolling back", ge=1)
    row_weeks: int = Field(13, description="weeks of observations in kpi_rows", ge=1)
    paper: str = Field("a4", description="the PDF's paper: a4 or us-letter", pattern="^(a4|us-letter)$")
    actions: Path | None = Field(None, description="the actions ledger; default: actions.csv in `out`")
    nightly_cron: str = Field("0 2 * * *", description="when the nightly deployment runs")
    weekly_cron: str = Field("0 7 * * 1", description="when the weekly deployment runs")
    time_zone: str = Field("UTC", description="time zone of the two schedules")
    business_time_zone: str = Field("UTC", description="IANA time zone whose days, weeks and months count")
    market_time_zones: dict[str, str] = Field(
        default_factory=dict, description="market = the time zone of its own, such as VN = Asia/Ho_Chi_Minh"
    )
    targets: Targets = Field(
        default_factory=dict,
        description="kpi or kpi.statistic = target value, or a list of tables of target and valid_from",
    )
    sla: list[Sla] = Field(
        default_factory=list,
        description="agreed refund times, tables [[sla]] of days, market (none: all others) and valid_from; else 14 days",
    )
    stage_targets: Targets = Field(
        default_factory=dict,
        description="stage of a refund = hours it is to take at most, or a list as of targets; a stage is "
        + ", ".join(STAGES),
    )
    office_hours: dict[str, OfficeHours] = Field(
        default_factory=dict,
        description="tables [office_hours.OWNER] of days (mon-fri), from (09:00), to (17:00; 24:00: midnight) and "
        "holidays (true: closed on the market's); OWNER is " + ", ".join(OWNERS),
    )
    audience: Literal["leadership", "analysts"] = Field(
        "leadership", description="who may see the weekly file: leadership or analysts"
    )
    send_weekly: bool = Field(False, description="whether the weekly deployment sends the file")
    weekly_url: str | None = Field(
        None,
        description="where the weekly folders can be seen, for the link in what is sent",
        pattern=r"^https?://\S+$",
    )
    mail_from: str | None = Field(None, description="the sender's mail address")
    mail_to: list[str] = Field(default_factory=list, description="mail addresses that receive the weekly file")
    smtp_host: str | None = Field(None, description="the mail server")
    smtp_port: int = Field(587, description="its port", ge=1, le=65535)
    smtp_security: str = Field(
        "starttls", description="starttls, ssl, or none (without a password only)", pattern="^(starttls|ssl|none)$"
    )
    smtp_ca_file: Path | None = Field(None, description="certificates to trust beside the system's own, as PEM")
    smtp_user: str | None = Field(None, description="the name to log in with")
    smtp_password: SecretStr | None = Field(None, description="its password; from the environment only")
    webhook_url: SecretStr | None = Field(None, description="address of a chat webhook; from the environment only")
    notify_mail_to: list[str] = Field(
        default_factory=list, description="mail addresses told of failed and withholding nights"
    )
    notify_webhook_url: SecretStr | None = Field(
        None, description="webhook told of failed and withholding nights; from the environment only"
    )
    hash_key: SecretStr | None = Field(None, description="key of the customer hashes; from the environment only")

    @field_validator("time_zone", "business_time_zone")
    @classmethod
    def _is_zone(cls, zone: str) -> str:
        if zone not in _zones():
            raise ValueError(f"{zone!r} is no IANA time zone; expected one such as Asia/Ho_Chi_Minh")
        return zone

    @field_validator("market_time_zones")
    @classmethod
    def _are_zones(cls, zones: dict[str, str]) -> dict[str, str]:
        return {market: cls._is_zone(zone) for market, zone in zones.items()}

    @field_validator("office_hours")
    @classmethod
    def _are_owners(cls, hours: dict[str, OfficeHours]) -> dict[str, OfficeHours]:
        if unknown := hours.keys() - set(OWNERS):
            raise ValueError(f"no stage is on the clock of {sorted(unknown)[0]!r}; expected one of {', '.join(OWNERS)}")
        return hours

    @field_validator("targets", "stage_targets")
    @classmethod
    def _are_once_a_day(cls, targets: Targets) -> Targets:
        terms = [(name, since) for name, _, since in terms_of(targets)]
        twice = [(name, since) for name, since in terms if terms.count((name, since)) > 1]
        if twice:
            raise ValueError(f"{twice[0][0]} has two targets valid from {twice[0][1]}; expected one for each day")
        return targets

    @field_validator("stage_targets")
    @classmethod
    def _are_stages(cls, targets: Targets) -> Targets:
        if unknown := targets.keys() - set(STAGES):
            raise ValueError(f"a refund has no stage {sorted(unknown)[0]!r}; expected one of {', '.join(STAGES)}")
        for stage, hours, _ in terms_of(targets):
            if not 0 <= hours <= LONGEST_HOURS:
                raise ValueError(f"{stage} = {hours:g}: expected hours from 0 to {LONGEST_HOURS}, which is a year")
        return targets

    @field_validator("mail_from", "mail_to", "notify_mail_to")
    @classmethod
    def _are_addresses(cls, value: str | list[str] | None) -> str | list[str] | None:
        """One plain address each: no name, no list, nothing that could end a header."""
        given = [value] if isinstance(value, str) else value or []
        wrong = [address for address in given if not ADDRESS.fullmatch(address)]
        if wrong:
            raise ValueError(f"found {wrong[0]!r}, expected a mail address such as kpis@example.com")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """What mail needs; a password is not sent in the clear. The message holds no value."""
        if self.mail_to and not (self.smtp_host and self.mail_from):
            raise ValueError("mail_to needs smtp_host and mail_from")
        if self.smtp_password and self.smtp_security == "none":
            raise ValueError("smtp_password is not sent in the clear: set smtp_security to starttls or ssl")
        if bool(self.smtp_password) != bool(self.smtp_user):
            raise ValueError("smtp_user and EXPERIENCE_KPIS_SMTP_PASSWORD go together: set both or none")
        for name in ("webhook_url", "notify_webhook_url"):
            url = getattr(self, name)
            if url and not url.get_secret_value().startswith(("https://", "http://")):
                raise ValueError(f"{SECRETS[name]} is no https:// address")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before variables before the file."""
        file = os.environ.get("EXPERIENCE_KPIS_CONFIG", "experience-kpis.toml")
        return init_settings, env_settings, _File(settings_cls, toml_file=file)

    @model_validator(mode="after")
    def _notices_can_be_sent(self) -> Self:
        if self.notify_mail_to and not (self.smtp_host and self.mail_from):
            raise ValueError("notify_mail_to needs smtp_host and mail_from")
        return self

    @property
    def warehouse(self) -> Path:
        """The private working database."""
        return self.out / "warehouse.duckdb"

    @property
    def offices(self) -> list[Office]:
        """The offices whose hours are set."""
        return [hours.office(owner) for owner, hours in self.office_hours.items()]

    @property
    def target_terms(self) -> Terms:
        """Targets of KPIs and statistics, each from a day on."""
        return terms_of(self.targets)

    @property
    def stage_terms(self) -> Terms:
        """Hours that the stages of a refund are to take at most, each from a day on."""
        return terms_of(self.stage_targets)

    @property
    def given(self) -> set[str]:
        """The names of the settings that say something, for what is made with them only."""
        return {name for name in type(self).model_fields if getattr(self, name)}

    @property
    def actions_ledger(self) -> Path:
        """The file in which people say what they do about a finding; it need not exist."""
        return self.actions or self.out / FILE_NAME

    def customer_key(self) -> str:
        """The key of the customer hashes: the variable, else one made once and kept beside the warehouse (0600)."""
        if self.hash_key is not None:
            return self.hash_key.get_secret_value()
        path = self.out / "hash.key"
        if not path.exists():
            draft = path.with_name(".hash.key.draft")
            draft.unlink(missing_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(handle)
            draft.rename(path)  # whole or not at all: half a key would be one too
        key = path.read_text(encoding="utf-8").strip()
        if not key:
            raise ValueError(
                f"{path} is empty: delete it, or set {SECRETS['hash_key']}; customers' hashes change with it"
            )
        return key


class _File(TomlConfigSettingsSource):
    """The settings file, which must hold no secret."""

    def __call__(self) -> dict[str, Any]:
        """What the file says. Raises ValueError for a file that is named and not there, and a key that belongs in the environment."""
        named = os.environ.get("EXPERIENCE_KPIS_CONFIG")
        if named and not Path(named).is_file():
            raise ValueError(f"EXPERIENCE_KPIS_CONFIG names {named}, which is no file")
        found = super().__call__()
        for name in SECRETS.keys() & found.keys():
            raise ValueError(f"{name} does not belong in a file: set {SECRETS[name]}")
        return found


def load(**flags: object) -> Settings:
    """The settings with the flags that were given. Raises pydantic.ValidationError, which names the field."""
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    return Settings(**given)
