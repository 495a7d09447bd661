"""What the settings agree on: refund times, targets and office hours, as tables of the settings file."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from transforms.office import Office, weekdays


class Sla(BaseModel):
    """The agreed refund time of a market, from a day on; without a market, of all that have none of their own."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(ge=1, le=365)
    market: str | None = None
    valid_from: date = date(2000, 1, 1)


class Target(BaseModel):
    """A target from a day on."""

    model_config = ConfigDict(extra="forbid")

    target: float
    valid_from: date = date(2000, 1, 1)


Targets = dict[str, float | list[Target]]
Terms = list[tuple[str, float, date]]  # what has the target, the target, from when on


def terms_of(targets: Targets) -> Terms:
    """One term for each target of each name; those with no day hold from the first on."""
    given = {name: said if isinstance(said, list) else [Target(target=said)] for name, said in targets.items()}
    return [(name, one.target, one.valid_from) for name, several in given.items() for one in several]


class OfficeHours(BaseModel):
    """When the office of the owner of a clock is open, in the time zone of each market."""

    model_config = ConfigDict(extra="forbid")

    days: str = "mon-fri"
    opens: str = Field("09:00", alias="from")
    closes: str = Field("17:00", alias="to")
    holidays: bool = True

    @field_validator("days")
    @classmethod
    def _are_weekdays(cls, days: str) -> str:
        weekdays(days)
        return days

    @field_validator("opens", "closes")
    @classmethod
    def _is_of_the_day(cls, said: str, info: ValidationInfo) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", said) and not (said == "24:00" and info.field_name == "closes"):
            raise ValueError(f"{said!r} is no time of day; expected such as 09:00, and 24:00 for midnight at the end")
        return said

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError(f"it closes at {self.closes}, which is not after {self.opens}, when it opens")
        return self

    def office(self, owner: str) -> Office:
        """The same as the calendar takes it."""
        closes = None if self.closes == "24:00" else time.fromisoformat(self.closes)
        return Office(owner, weekdays(self.days), time.fromisoformat(self.opens), closes, not self.holidays)
