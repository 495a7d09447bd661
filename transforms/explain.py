"""Where a published number comes from: its statistics, its parts and its rows, asked of the published marts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from transforms.leadership.frames import WeekError, parse_week, week_name
from transforms.models import PAIR, Kpi, kpi
from transforms.reads import read
from transforms.warehouse import EngineError, Warehouse, identifier, literal

Row = dict[str, Any]


class AskError(ValueError):
    """A question about something that is not published. The message says what is."""


@dataclass(frozen=True)
class Cell:
    """One number's place: a KPI, a week (its Monday) and the values of none, one or two of its dimensions."""

    kpi: Kpi
    week: date
    where: tuple[tuple[str, str], ...] = ()

    @property
    def dimension(self) -> str:
        """As in the marts: `all`, a column, or a pair."""
        return PAIR.join(name for name, _ in self.where) or "all"

    @property
    def dimension_value(self) -> str:
        """As in the marts, beside `dimension`."""
        return PAIR.join(value for _, value in self.where) or "all"

    @property
    def title(self) -> str:
        """The week and the condition, for people."""
        said = [f"{name} = {value}" for name, value in self.where]
        return ", ".join([week_name(self.week), *said])

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """What a row has to be to belong to it: its own values, and the headline's where it names none."""
        named = dict(self.where)
        return self.where + tuple(
            item for item in self.kpi.headline if not named.keys() & dict(self.kpi.headline).keys()
        )


def find_cell(marts: Warehouse, kpi_id: str, week: str | None, where: Sequence[str]) -> Cell:
    """The cell that is meant; without a week the latest that is over. Raises AskError with what there is to ask for."""
    known = [row[0] for row in marts.rows("select kpi from kpi_catalogue order by kpi")]
    if kpi_id not in known:
        raise AskError(f"no KPI {kpi_id!r}; there are: {', '.join(known)}")
    k = kpi(kpi_id)
    chosen = _conditions(k, where)
    monday = _week(marts, k, week)
    cell = Cell(k, monday, tuple((name, chosen[name]) for name in k.all_dimensions if name in chosen))
    if not statistics(marts, cell):
        asked = (
            "select distinct dimension_value from kpi_weekly where kpi = ? and week = ? and dimension = ? order by 1"
        )
        values = [row[0] for row in marts.rows(asked, [k.id, monday, cell.dimension])]
        found = f"there are: {', '.join(values)}" if values else f"{cell.dimension} has no rows in that week"
        raise AskError(f"{k.id} has no {cell.dimension_value!r} in {week_name(monday)}; {found}")
    return cell


def statistics(marts: Warehouse, cell: Cell) -> list[Row]:
    """Every statistic of the cell in the catalogue's order, with `final_at`: when it stops changing (UTC)."""
    return _table(marts, "explain_cells", _key(cell))


def parts(marts: Warehouse, cell: Cell) -> list[Row]:
    """The values of the dimensions it is not cut by yet, with contributions; none for a pair.

    A dimension that the headline fixes is none of its parts: the other values are not in the total.
    """
    if len(cell.where) > 1:
        return []
    given = cell.dimension if cell.where else ""
    said = {"given": given, "per": cell.kpi.per, "kind": cell.kpi.kind}
    found = _table(marts, "explain_parts", _key(cell) | said | {"statistic": cell.kpi.headline_statistic})
    return [row for row in found if row["dimension"] not in dict(cell.kpi.headline)]


def catalogue(marts: Warehouse, cell: Cell) -> Row:
    """The KPI's entry in the catalogue."""
    columns, rows = marts.table("select * from kpi_catalogue where kpi = ?", [cell.kpi.id])
    return dict(zip(columns, rows[0], strict=True))


def rows_sql(cell: Cell) -> str:
    """A SELECT of its rows for people to copy; it is not run."""
    conditions = [f"kpi = {literal(cell.kpi.id)}"]
    conditions += [f"observed_on between date '{cell.week}' and date '{cell.week + timedelta(days=6)}'"]
    conditions += [f"{identifier(name)} = {literal(value)}" for name, value in cell.rows]
    return "select *\nfrom kpi_rows\nwhere " + "\n    and ".join(conditions)


def list_rows(marts: Warehouse, cell: Cell, warehouse: Path) -> tuple[list[str], list[tuple[Any, ...]], str]:
    """Columns and observations of the cell, and where they are from: the marts, for older weeks the private warehouse.

    Raises AskError when the warehouse is needed and cannot be read.
    """
    oldest = marts.value("select min(observed_on) from kpi_rows")
    if oldest is not None and cell.week >= oldest:
        return *_rows(marts, "kpi_rows", cell), "kpi_rows"
    if not warehouse.exists():
        raise AskError(f"kpi_rows begins on {oldest}, and there is no {warehouse} to read older rows from")
    try:
        with Warehouse(warehouse, read_only=True) as private:
            return *_rows(private, "sums.observations", cell), str(warehouse)
    except EngineError as error:
        raise AskError(f"kpi_rows begins on {oldest}; older rows: {error}") from error


def _rows(source: Warehouse, table: str, cell: Cell) -> tuple[list[str], list[tuple[Any, ...]]]:
    measures = ["duration_hours", "outcome"] if cell.kpi.is_duration else ["numerator", "denominator"]
    columns = ["observed_on", "subject_id", "order_id", *cell.kpi.all_dimensions, *measures]
    own = "".join(f" and {identifier(name)} = ?" for name, _ in cell.rows)
    return source.table(
        f"select {', '.join(map(identifier, columns))} from {table} "
        f"where kpi = ? and observed_on between ? and ?{own} order by observed_on, subject_id",
        [cell.kpi.id, cell.week, cell.week + timedelta(days=6), *(value for _, value in cell.rows)],
    )


def _conditions(k: Kpi, where: Sequence[str]) -> Mapping[str, str]:
    chosen: dict[str, str] = {}
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals or name not in k.all_dimensions or name in chosen:
            raise AskError(
                f"--where {condition!r}: expected DIMENSION=VALUE, each once, of {', '.join(k.all_dimensions)}"
            )
        chosen[name] = value
    if len(chosen) > 2:
        raise AskError(
            f"--where: {len(chosen)} dimensions; numbers are published for one or two: ask kpi_rows for more"
        )
    return chosen


def _week(marts: Warehouse, k: Kpi, week: str | None) -> date:
    weeks = [row[0] for row in marts.rows("select distinct week from kpi_weekly where kpi = ? order by week", [k.id])]
    if week is None:
        over = "select max(period) from periods where grain = 'week' and is_over"
        monday = marts.value(over)
        if monday is None:
            raise AskError(f"no week is over yet; name one with --week: {', '.join(map(week_name, weeks))}")
    else:
        try:
            monday = parse_week(week)
        except WeekError as error:
            raise AskError(str(error)) from error
    if monday not in weeks:
        span = f"{week_name(weeks[0])} to {week_name(weeks[-1])}" if weeks else "none"
        raise AskError(f"{k.id} has no rows in {week_name(monday)}; published: {span}")
    found: date = monday
    return found


def _key(cell: Cell) -> dict[str, object]:
    return {
        "kpi": cell.kpi.id,
        "week": cell.week,
        "dimension": cell.dimension,
        "dimension_value": cell.dimension_value,
    }


def _table(marts: Warehouse, name: str, params: Mapping[str, object]) -> list[Row]:
    columns, rows = marts.table(read(name), params)
    return [dict(zip(columns, row, strict=True)) for row in rows]
