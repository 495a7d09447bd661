#!/usr/bin/env python3
"""How often the 90 % interval of a nowcast covers what the week came to in the end.

    python benchmarks/nowcast.py [--seeds 3] [--orders 16000] [--weeks 32] [--nights 5]

Makes worlds of `--orders` orders, publishes each as of several moments two weeks and some hours apart, and once more after
everything has matured. Every nowcast is then held against the final value of its KPI, week and group. Coverage of 85 to
95 % is what a 90 % interval should have; it is printed by KPI and by the week's age.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
START = datetime(2026, 1, 5, tzinfo=UTC)
MATURE = timedelta(days=60)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("seeds", 3), ("orders", 16000), ("weeks", 32), ("nights", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    cases = pd.concat([replay(seed, args.orders, args.weeks, args.nights) for seed in range(1, args.seeds + 1)])
    cases["covered"] = cases["final"].between(cases["ci_low"] - 1e-9, cases["ci_high"] + 1e-9)
    fills = cases[cases["to_come"] >= 1]
    print("Weeks of which at least one more case was expected; after that the interval is the value, and rarely wrong.")
    for dimension, some in fills.groupby("dimension"):
        table = some.groupby("kpi")["covered"].agg(["size", "mean"])
        print(f"\n{dimension}: {len(some)} cases, {some['covered'].mean():.1%} covered\n{table.round(3).to_string()}")
    everything = fills[fills["dimension"] == "all"]
    print(f"\nall, by age in weeks\n{everything.groupby('age')['covered'].agg(['size', 'mean']).round(3).to_string()}")
    whole = cases.groupby("dimension")["covered"].agg(["size", "mean"])
    print(f"\nwith the weeks of which none was expected\n{whole.round(3).to_string()}")


def replay(seed: int, orders: int, weeks: int, nights: int) -> pd.DataFrame:
    """Every nowcast of a world with the value so far and the final one."""
    from flows.night import Night
    from flows.settings import load
    from transforms.warehouse import Warehouse

    end = START + timedelta(weeks=weeks)
    with tempfile.TemporaryDirectory(prefix="experience-kpis-nowcast-") as place:
        world, out = Path(place) / "world", Path(place) / "out"
        make = [sys.executable, ROOT / "tests" / "marketplace.py", world, f"--orders={orders}", f"--weeks={weeks}"]
        make += [f"--seed={seed}", "--files=one", "--format=parquet", "--no-truth", f"--as-of={end + MATURE:%FT%TZ}"]
        subprocess.run(list(map(str, make)), check=True, capture_output=True)
        found = []
        for back in [2 * number for number in range(nights)] + [None]:
            as_of = end + MATURE if back is None else end - timedelta(weeks=back, hours=-11 * back)
            with (
                patch("expectations.gate.check", return_value=[]),
                Night(load(landing=world, out=out), as_of) as night,
            ):
                night.run()
            with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
                found.append(marts.frame(_CELLS if back is None else _NOWCASTS))
            print(f"seed {seed}, {as_of:%F %H:%M}: {len(found[-1])} rows", file=sys.stderr, flush=True)
    cases = pd.concat(found[:-1]).merge(found[-1], on=["kpi", "week", "dimension", "dimension_value"])
    return cases[cases["is_final"]]


_CELLS = """
select kpi, week, dimension, dimension_value, value as final, status in ('final', 'low_n') as is_final
from kpi_weekly
where statistic = 'value'"""

_NOWCASTS = """
select expected.kpi, expected.week, expected.dimension, expected.dimension_value, expected.value, expected.ci_low,
    expected.ci_high, expected.numerator - now.numerator as to_come,
    date_diff('day', expected.week, cast(expected.as_of as date)) // 7 - 1 as age
from kpi_weekly as expected
inner join kpi_weekly as now using (kpi, week, dimension, dimension_value)
where expected.statistic = 'nowcast' and now.statistic = 'value' and expected.dimension in ('all', 'market', 'category')"""

if __name__ == "__main__":
    main()
