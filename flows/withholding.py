"""What failed checks withhold, and the words for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from expectations.checks import Check


def by_lineage(check: Check) -> Check:
    """The check with what its fault touches: of a fact's column only the KPIs and dimensions that read it."""
    if not check.withholds or check.layer != "facts":
        return check
    from transforms.reach import withheld_for

    return replace(check, withholds=withheld_for(check.table_name, check.column_name))


def among(check: Check, kpis: Collection[str]) -> Check:
    """The check with what it withholds of these KPIs: of others nothing would be published."""
    return replace(check, withholds=tuple(name for name in check.withholds if name.partition(" by ")[0] in kpis))


def newly_withheld(failed: Sequence[Check], withheld: Mapping[str, str]) -> dict[str, str]:
    """What the failed checks add to `withheld`, each with the first reason: `kpi`, or `kpi by dimension`.

    Of a KPI that is withheld as a whole nothing is said of its slices.
    """
    found = {name: reason(check) for check in reversed(failed) for name in check.withholds if name not in withheld}
    whole = {name for name in (*withheld, *found) if " by " not in name}
    return {name: why for name, why in found.items() if " by " not in name or name.partition(" by ")[0] not in whole}


def reason(check: Check) -> str:
    """Why something is withheld, in a line: which table, what was expected, what was found."""
    column = f" {check.column_name}" if check.column_name else ""
    return f"{check.table_name}{column}: expected {check.expected}, found {check.observed}"
