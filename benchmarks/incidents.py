"""Are planted incidents named first? Whole worlds: files, a night, the weekly file of each incident's week, its causes.

    python benchmarks/incidents.py --seeds 101,102,103 [--null 201] [--issued monday] [--stage issue] [--orders 400000] [--place FOLDER]

A world has incidents in five spans of two or three weeks, one or two at once (planted.py): answers of another level, more
or fewer contacts (with or without a reason), a slower or faster stage, in one place of one or two dimensions. `--issued
settled`: one night runs over all of it when every week is settled, and the weekly file is made of each week in which an
incident shows most. `--issued monday`: the file that a leader gets, after a night on the Monday after an incident's
first, second and third week, until all that began together are named. Null worlds have none: what their files name, of
the same weeks, is false.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
from planted import COLD, KPIS, SLOTS, STAGES, START, WEEKS, Incident, drawn, make_world, sizes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.night import Night
from flows.settings import load
from transforms import build, codes, sums
from transforms.leadership.findings import Findings, find
from transforms.leadership.frames import read_frames, read_sql, week_name
from transforms.leadership.hidden import Hidden
from transforms.leadership.payload import build_payload
from transforms.leadership.why import find_causes
from transforms.models import HORIZONS, sources
from transforms.warehouse import Warehouse

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

FIRST = 3
SIZEABLE = 6.0
SAME, MOST = 0.9, 0.5  # of the cases in either of two places: they are in both
SETTLED_AFTER = 8  # weeks
MONDAYS = "1,2,3"  # weeks after an incident's beginning: those of the files that are to name it
HOUR = time(7)
NAMED = ("exact", "named")


@dataclass(frozen=True)
class Scored:
    """How the file of a week tells an incident: how well, at which rank of its KPI's causes, as which finding of the file."""

    incident: Incident
    week: int
    size: float
    how: str  # exact, named, partly, not
    rank: int | None = None
    place_in_file: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether it is named among the first three causes of its KPI."""
        return self.how in NAMED and self.rank is not None and self.rank <= FIRST

    @property
    def is_first_of_file(self) -> bool:
        """Whether it is named so, and is among the first three findings of the file."""
        return self.is_first and self.place_in_file is not None and self.place_in_file <= FIRST


def monday(number: int) -> date:
    """Of a week of the world."""
    return (START + pd.Timedelta(weeks=number)).date()


def night(landing: Path, out: Path, as_of: datetime) -> None:
    """One night over all files, of which it sees what had happened. Files that an earlier one read are not read again."""
    with Night(load(landing=landing, out=out), as_of) as one:
        one.run()


def settled() -> datetime:
    """When nothing of a world can change any more."""
    return datetime.combine(monday(WEEKS + SETTLED_AFTER), datetime.min.time(), UTC)


def issued(fetch: Fetch, week: date) -> dict[str, Any]:
    """kpis.json of a week's file for leadership."""
    frames = read_frames(fetch, week)
    return build_payload(frames, week, find(fetch, frames, week))


def searched(landing: Path, out: Path, as_of: datetime, week: date) -> dict[str, Any]:
    """The causes that the file of a week would name, as the search finds them; without figures, signals and suppression.

    A quarter of the cost of a night and its file: no cells, no estimates, nothing published.
    """
    with Night(load(landing=landing, out=out), as_of) as one:
        files = one.discover()
        for source in sources():
            one.ingest(source, files[source.id])
        one.build_facts()
        marts = one.warehouse
        build.build_layer(marts, "kpis", "view")
        marts.run("create schema if not exists sums")
        for k in one.kpis:
            if not k.is_duration:
                sums.sum_days(marts, k)
        build.list_slices(marts)
        numbers = "numerator::double as numerator, denominator::double as denominator"
        texts = codes.as_texts(marts, "sums.slices_of_week")
        marts.run(
            f"create or replace view kpi_slices as select * replace ({numbers}) from (select {texts} from sums.slices_of_week)"
        )
        settled = {k.id: _newest(as_of, k.window_days) for k in one.kpis}
        durations = [(k.id, days) for k in one.kpis if k.is_duration for days in HORIZONS]
        rows = [(kpi, HORIZONS[days], _newest(as_of, days), "final") for kpi, days in durations]
        frames: Any = SimpleNamespace(
            weekly=pd.DataFrame(rows, columns=["kpi", "statistic", "week", "status"]).astype(
                {"week": "datetime64[ns]"}
            ),
            hidden=Hidden(),
        )
        found = Findings(judged={kpi: {"monday": monday} for kpi, monday in settled.items()})

        def fetch(sql: str, asked: Sequence[Any]) -> pd.DataFrame:
            return marts.frame(sql, asked) if sql == read_sql("finest") else pd.DataFrame()

        find_causes(fetch, frames, week, {k.id: asdict(k) | {"kpi": k.id} for k in one.kpis}, found)
        return {"causes": found.causes, "signals": [], "recommendations": []}


def _newest(as_of: datetime, days: int) -> date:
    """The Monday of the newest week that ended so many days before."""
    day = as_of.date() - timedelta(days=7 + days)
    return day - timedelta(days=day.weekday())


def scored(
    fetch: Fetch, told: Mapping[str, Any], one: Incident, week: int, size: float, weeks: Collection[int]
) -> Scored:
    """The best of the causes that the file of a week tells of the incident's KPIs, in one of some weeks."""
    best = Scored(one, week, size, "not")
    order, named = findings(told["causes"]), {week_name(monday(number)): monday(number) for number in weeks}
    for cause in told["causes"]:
        if cause["kpi"] not in KPIS[one.family] or cause["week"] not in named:
            continue
        if one.stage and cause["stage"] != one.stage:
            continue
        how = compared(fetch, cause, one, named[cause["week"]])
        tried = Scored(one, week, size, how, cause["rank"], order.index(place(cause)) + 1)
        best = min(best, tried, key=lambda s: (HOW.index(s.how), s.place_in_file or 99, s.rank or 99))
    return best


HOW = ("exact", "named", "partly", "not")


def compared(fetch: Fetch, cause: Mapping[str, Any], one: Incident, week: date) -> str:
    """'exact': (nearly) the same cases; 'named': every value that was planted and no wrong one, and most of the cases;
    'partly': right values only, but not all, or few of the cases; 'not': a wrong value, or none that was planted.

    Cases are those of the cause's KPI in the weeks before: contacts for what counts them, else its denominator.
    """
    known = fetch(read_sql("finest"), [cause["kpi"], week - pd.Timedelta(weeks=8), week])
    planted = {name: value for name, value in one.where.items() if name in known and known[name].notna().any()}
    counted = "numerator" if known["contact_reason"].notna().any() else "denominator"
    inside, told = (_inside(known, where) for where in (planted, cause["where"]))
    cases = known[counted].abs()
    shared = cases[inside & told].sum() / max(cases[inside | told].sum(), 1e-9)
    if shared >= SAME:
        return "exact"
    right = {name for name, value in cause["where"].items() if planted.get(name) == value}
    wrong = {name for name, value in cause["where"].items() if planted.get(name, value) != value}
    if wrong or not right:
        return "not"
    return "named" if len(right) == len(planted) and shared >= MOST else "partly"


def _inside(known: pd.DataFrame, where: Mapping[str, str]) -> pd.Series:
    inside = pd.Series(True, known.index)
    for name, value in where.items():
        inside &= known[name].fillna("unknown") == value if name in known else True
    return inside


def strays(fetch: Fetch, one: Incident, days: int) -> float:
    """The standard deviation of the KPI of an incident's place, from week to week, before the first incident."""
    span = [monday(COLD), monday(SLOTS[0] - 4)]
    rows = fetch(read_sql("finest"), [KPIS[one.family][0], *span])
    above = {name: value for name, value in one.where.items() if name not in one.place}
    cases = rows[_inside(rows, one.place)]
    counted = cases[_inside(cases, above)].groupby("week")["numerator"].sum()
    if one.stage:
        stages = fetch(read_sql("finest"), ["refund_stage_time", *span])
        counted = (
            stages[_inside(stages, one.place | {"stage": one.stage})].groupby("week")[f"hours_in_{days}_days"].sum()
        )
    values = counted / cases.groupby("week")["denominator"].sum() * (100 if one.family == "nps" else 1)
    return float(values.diff().std() / 2**0.5)


def place(cause: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a reader takes for one finding: a place, and the step if it is one's."""
    return (frozenset(cause["where"].items()), cause["stage"])


def findings(causes: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """The places that a file names, in its order; one that several KPIs name counts once."""
    return list(dict.fromkeys(map(place, causes)))


def make(seed: int, orders: int, folder: Path, planted: Sequence[Incident]) -> tuple[Path, Path]:
    """A world with incidents and its twin without."""
    world = make_world(folder / f"world-{seed}", seed, orders, planted) if planted else folder / f"twin-{seed}"
    return world, make_world(folder / f"twin-{seed}", seed, orders, [])


def read_settled(
    seed: int, orders: int, folder: Path, planted: Sequence[Incident], _mondays: Sequence[int]
) -> Iterator[Any]:
    """What the files of a settled world tell of each incident; of a null world its files."""
    world, twin = make(seed, orders, folder, planted)
    out = folder / f"out-{seed}-{'planted' if planted else 'null'}"
    if not (out / "marts.duckdb").exists():
        night(world, out, settled())
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        if not planted:
            for slot in SLOTS:
                yield slot + 1, issued(marts.frame, monday(slot + 1))
            return
        files: dict[int, dict[str, Any]] = {}
        of = sizes(world, twin, planted, lambda one, days: strays(marts.frame, one, days))
        for one, (week, size) in zip(planted, of, strict=True):
            if week not in files:
                files[week] = issued(marts.frame, monday(week))
            yield scored(marts.frame, files[week], one, week, size, [week]), files[week]


def read_mondays(
    seed: int, orders: int, folder: Path, planted: Sequence[Incident], mondays: Sequence[int], is_lean: bool = False
) -> Iterator[Any]:
    """The same, of files issued on Mondays: of each incident the first that names it first, else its last one."""
    world, twin = make(seed, orders, folder, planted)
    out = folder / f"out-{seed}-{'mondays' if planted else 'null-mondays'}{'-lean' if is_lean else ''}"
    of: list[tuple[int, float]] = []
    for slot in SLOTS:
        left = [place for place, one in enumerate(planted) if one.first == slot]
        for after in mondays:
            week = slot + after - 1
            as_of = datetime.combine(monday(week + 1), HOUR, UTC)
            file = searched(world, out, as_of, monday(week)) if is_lean else None
            if not is_lean:
                night(world, out, as_of)
            with Warehouse(
                out / "warehouse.duckdb" if is_lean else (out / "marts.duckdb").resolve(), read_only=True
            ) as marts:
                file = file or issued(marts.frame, monday(week))
                if not planted:
                    yield week, file
                    continue
                of = of or sizes(world, twin, planted, lambda one, days: strays(marts.frame, one, days))
                for number in list(left):
                    one, size = planted[number], of[number][1]
                    told = scored(marts.frame, file, one, week, size, range(slot - 3, week + 1))
                    if told.is_first_of_file or after == mondays[-1]:
                        left.remove(number)
                        yield told, file
            if planted and not left:
                break


READ: dict[str, Callable[..., Iterator[Any]]] = {
    "settled": read_settled,
    "monday": read_mondays,
    "monday-causes": partial(read_mondays, is_lean=True),
}


def main() -> None:
    """Make, run, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="103,104", help="of worlds with incidents")
    parser.add_argument("--null", default="", help="of worlds without")
    parser.add_argument("--stage", choices=STAGES, help="every incident is one of this stage, alone")
    parser.add_argument("--issued", choices=READ, default="settled", help="when the files are made")
    parser.add_argument("--mondays", default=MONDAYS, help="weeks after its beginning, of --issued monday")
    parser.add_argument("--orders", type=int, default=400_000)
    parser.add_argument("--place", type=Path, help="a folder that stays; the worlds and marts in it are used again")
    parser.add_argument("--verbose", action="store_true", help="what every file says, not only of those that miss one")
    args = parser.parse_args()
    mondays = [int(weeks) for weeks in args.mondays.split(",")]
    with tempfile.TemporaryDirectory(prefix="experience-kpis-incidents-") as temporary:
        folder = args.place or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        scores = []
        for seed in filter(None, args.seeds.split(",")):
            for told, file in READ[args.issued](int(seed), args.orders, folder, drawn(int(seed), args.stage), mondays):
                scores.append(told)
                print_score(seed, told, file, args.verbose)
        for seed in filter(None, args.null.split(",")):
            for week, file in READ[args.issued](int(seed), args.orders, folder, [], mondays):
                moved = [s for s in file["signals"] if s["verdict"] == "signal"]
                print("null", seed, week_name(monday(week)), len(moved), len(file["causes"]))
                tell(file)
    totals(scores)


def print_score(seed: str, s: Scored, file: Mapping[str, Any], verbose: bool) -> None:
    """A line for an incident, and what its file says where that is not what it should."""
    print(
        f"{seed} {week_name(monday(s.week))} (+{s.week - s.incident.first + 1}) {'double' if s.incident.is_one_of_two else 'single'} size {s.size:5.1f} "
        f"{s.how:7s} rank {s.rank or '-'} finding {s.place_in_file or '-'}  {s.incident}",
        flush=True,
    )
    if verbose or not s.is_first_of_file:
        tell(file)


def tell(file: Mapping[str, Any]) -> None:
    """The signals (S), causes (C) and recommendations (R) of a file."""
    for s in file["signals"]:
        if s["verdict"] == "signal":
            print(
                "      S",
                s["kpi"],
                s["dimension"],
                s["dimension_value"],
                round(s["value"], 3),
                round(s["expected"], 3),
                s["rule"],
            )
    for c in file["causes"]:
        print("      C", c["kpi"], c["rank"], c["where"], c["part"], c["stage"], round(c["contribution"], 4), c["week"])
    for r in file["recommendations"]:
        print("      R", r["kpi"], r["where"], r["part"], r["stage"])
    sys.stdout.flush()


def totals(scores: Sequence[Scored]) -> None:
    """Shares by size, number at once and family."""

    def line(name: str, chosen: Sequence[Scored]) -> None:
        if chosen:
            n = len(chosen)
            exact = sum(s.is_first and s.how == "exact" for s in chosen)
            print(
                f"{name:24s} {n:4d}  in its KPI's first three {sum(s.is_first for s in chosen) / n:5.0%} (exact {exact / n:4.0%})"
                f"  of the file's {sum(s.is_first_of_file for s in chosen) / n:5.0%}"
            )

    line("all", scores)
    line(f"sizeable (>= {SIZEABLE:g})", [s for s in scores if s.size >= SIZEABLE])
    for low, high in ((0, 4), (4, 6), (6, 9), (9, 15), (15, 1e9)):
        line(f"size {low}-{high:g}", [s for s in scores if low <= s.size < high])
    for number in (False, True):
        line("double" if number else "single", [s for s in scores if s.incident.is_one_of_two == number])
    for family in KPIS:
        line(family, [s for s in scores if s.incident.family == family])


if __name__ == "__main__":
    main()
