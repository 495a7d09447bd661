"""SQL models: one SELECT in a file, what it means in the TOML header of its opening comment."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from transforms.headers import CLOCK, refuse_keys, refuse_value
from transforms.headers import ModelError as ModelError

ROOT = Path(__file__).parent
LAYERS = ("facts", "voice", "kpis", "sums", "estimates", "marts")
KINDS = ("net_share", "share", "mix", "rate", "count", "duration")
TYPES = ("id", "code", "text", "timestamp", "money", "integer")
PAIR = " × "  # between two dimensions, and between their values
MOST_PER = 1000  # a value is per so many cases at most; beyond, what is below the line are no cases, such as seconds

_HEADER = re.compile(r"\A\s*/\*\n(.*?)\n\*/\s*", re.DOTALL)
_READS = re.compile(r"\b(?:from|join)\s+([a-z_]+)\.([a-z0-9_]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Model:
    """A SQL file: `<layer>/<name>.sql`, its SELECT, the tables it reads, and the setting without which it is not made."""

    layer: str
    name: str
    select: str
    reads: frozenset[str]
    only_with: str = ""

    @property
    def table(self) -> str:
        """`layer.name`, the table or view it becomes."""
        return f"{self.layer}.{self.name}"

    def reads_layer(self, layer: str) -> bool:
        """Whether it reads a table of the layer."""
        return any(read.startswith(f"{layer}.") for read in self.reads)


@dataclass(frozen=True)
class Column:
    """A column of an extract. `codes` lists the values that are not counted as unknown; empty = any."""

    name: str
    type: str
    required: bool = False
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A condition on one row that must not be false (NULL passes), and the reason given when it is."""

    check: str
    reason: str


@dataclass(frozen=True)
class Source:
    """The contract of one extract, from the header of its fact."""

    id: str
    label: str
    key: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]

    @property
    def required(self) -> list[str]:
        """Names of the columns a row cannot do without."""
        return [column.name for column in self.columns if column.required]


@dataclass(frozen=True)
class Weights:
    """How answers are weighted to who was asked: strata `by`, at their share of the base of KPI `of`, of its rows `where`."""

    by: tuple[str, ...]
    of: str
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Kpi:
    """A KPI's declaration, from its header. Unit of `value`: per × sum(numerator) / sum(denominator), or hours."""

    id: str
    label: str
    question: str
    kind: str
    unit: str
    better: str
    anchor: str
    grain: str
    dimensions: tuple[str, ...]
    owner: str
    changes: tuple[str, ...]
    window_days: int = 0
    window: str = ""  # "sla": the longest agreed refund time, when that is longer
    within: str = ""  # the dimension without which no pair of dimensions means much
    # The duration that `within` takes apart, case by case; rows say how far into it they begin (begun_after_hours).
    part_of: str = ""
    also: tuple[tuple[str, str], ...] = ()  # further statistics: name, and the column of their numerator
    per: int = 1
    numerator_dimensions: tuple[str, ...] = ()
    headline: tuple[tuple[str, str], ...] = ()
    meaning: str = ""
    exclusions: tuple[str, ...] = ()
    nowcast: bool = False
    weights: Weights | None = None
    definition: str = ""
    facts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    only_with: tuple[str, ...] = ()  # the settings without which its facts are not made, and it is not in the release
    version: str = ""

    @property
    def is_duration(self) -> bool:
        """Durations have a histogram and a curve; everything else a numerator and a denominator."""
        return self.kind == "duration"

    @property
    def statistics(self) -> tuple[str, ...]:
        """What is published for every cell of this KPI."""
        if self.is_duration:
            return DURATION_STATISTICS
        beside = ("nowcast",) if self.nowcast else ()
        return ("value", *(name for name, _ in self.also), *beside, *(WEIGHTED_STATISTICS if self.weights else ()))

    @property
    def windows(self) -> dict[str, int]:
        """For each statistic the days after its period's end from which it can no longer change.

        A stage begins later than its anchor: what looks a few days ahead of its beginning is known no sooner than the rest.
        """
        own = {} if self.within else WINDOWS
        return {statistic: own.get(statistic, self.window_days) for statistic in self.statistics}

    @property
    def headline_statistic(self) -> str:
        """The statistic a scorecard shows first."""
        return "p50" if self.is_duration else "value"

    @property
    def all_dimensions(self) -> tuple[str, ...]:
        """Every column a cell can be cut by."""
        return self.dimensions + self.numerator_dimensions


DURATION_STATISTICS = (
    *("p25", "p50", "p90", "km_p25", "km_p50", "km_p90"),
    *("credited_by_day_3", "credited_by_day_7", "credited_by_day_14", "restricted_mean"),
)
WEIGHTED_STATISTICS = ("poststratified", "n_eff")
# Statistics that look so many days ahead and no further: they are known when these have passed, whatever the KPI's window.
WINDOWS = {"credited_by_day_3": 3, "credited_by_day_7": 7, "credited_by_day_14": 14, "restricted_mean": 30}
# Days of a case within which its hours are added up to be looked into, and the statistic that is settled with them.
HORIZONS = {days: statistic for statistic, days in WINDOWS.items() if days >= 7}


def read_model(path: Path) -> tuple[dict[str, Any], Model]:
    """Header (empty without one) and model of a SQL file."""
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    try:
        declared = tomllib.loads(header[1]) if header else {}
    except tomllib.TOMLDecodeError as error:
        raise ModelError(
            f"{path}: the header is not TOML: {error}. Compare with another file of this folder."
        ) from error
    select = text[header.end() :] if header else text
    code = re.sub(r"--[^\n]*", "", select)
    reads = frozenset(f"{schema}.{table}".lower() for schema, table in _READS.findall(code))
    only_with = declared.get("only_with", "") if path.parent.name == "facts" else ""
    return declared, Model(path.parent.name, path.stem, select.strip().rstrip(";"), reads, only_with)


@cache
def models(layer: str) -> tuple[Model, ...]:
    """The layer's models, those first that others of the layer read."""
    found = {model.table: model for _, model in map(read_model, sorted((ROOT / layer).glob("*.sql")))}
    order = TopologicalSorter({table: sorted(model.reads & found.keys()) for table, model in sorted(found.items())})
    return tuple(found[table] for table in order.static_order())


def settings_for(model: Model) -> frozenset[str]:
    """The settings without which a model is not made: its own, and those of the facts it reads."""
    read = [fact for fact in models("facts") if fact.table in model.reads]
    return frozenset({model.only_with} - {""}).union(*map(settings_for, read))


@cache
def sources() -> tuple[Source, ...]:
    """The extracts the pipeline takes, each declared in the header of its fact."""
    return tuple(_source(path, read_model(path)[0]) for path in sorted(_facts().values()) if not _needs(path))


def derived_facts() -> dict[str, tuple[str, ...]]:
    """Facts made of other facts, and the extracts without which each says nothing: its header's `needs`."""
    return {name: needs for name, path in sorted(_facts().items()) if (needs := _needs(path))}


def _facts() -> dict[str, Path]:
    return {path.stem: path for path in (ROOT / "facts").glob("*.sql")}


def _needs(path: Path) -> tuple[str, ...]:
    """The extracts a derived fact needs; empty for the fact of an extract."""
    declared, _ = read_model(path)
    if "needs" not in declared:
        return ()
    refuse_keys(path, declared, {"needs"}, {"only_with"})
    for name in declared["needs"]:
        refuse_value(path, "needs", name, tuple(sorted(_facts())))
    return tuple(declared["needs"])


@cache
def kpis() -> tuple[Kpi, ...]:
    """Every KPI, each declared in the header of its SQL file, in order of their ids."""
    return tuple(read_kpi(path) for path in sorted((ROOT / "kpis").glob("*.sql")))


def kpi(id: str) -> Kpi:
    """One KPI by id; a KeyError that lists what there is."""
    found = {k.id: k for k in kpis()}
    if id not in found:
        raise KeyError(f"no KPI {id!r}; there are: {', '.join(found)}")
    return found[id]


def _source(path: Path, declared: dict[str, Any]) -> Source:
    refuse_keys(path, declared, {"label", "key", "columns"}, {"rules"})
    columns = []
    for name, spec in declared["columns"].items():
        spec = {"type": spec} if isinstance(spec, str) else spec
        refuse_keys(path, spec, {"type"}, {"required", "codes"}, f"columns.{name}.")
        refuse_value(path, f"columns.{name}.type", spec["type"], TYPES)
        columns.append(Column(name, spec["type"], spec.get("required", False), tuple(spec.get("codes", ()))))
    for rule in declared.get("rules", []):
        refuse_keys(path, rule, {"check", "reason"}, set(), "rules.")
    rules = tuple(Rule(**rule) for rule in declared.get("rules", []))
    return Source(path.stem, declared["label"], declared["key"], tuple(columns), rules)


def read_kpi(path: Path) -> Kpi:
    """A KPI from its file. Raises ModelError for an unknown or missing key, by name."""
    declared, model = read_model(path)
    derived = {"id", "definition", "facts", "sources", "only_with", "version"}
    optional = {f.name for f in fields(Kpi) if f.default is not MISSING} - derived
    refuse_keys(path, declared, {f.name for f in fields(Kpi)} - optional - derived, optional)
    refuse_value(path, "kind", declared["kind"], KINDS)
    refuse_value(path, "better", declared["better"], ("higher", "lower"))
    refuse_value(path, "window", declared.get("window", ""), ("", "sla"))
    refuse_value(path, "within", declared.get("within", ""), ("", *declared.get("dimensions", ())))
    _refuse_part(path, declared)
    known = _facts()
    if missing := model.reads - {CLOCK, *(f"facts.{name}" for name in known)}:
        raise ModelError(f"{path}: a KPI reads facts only; it reads {sorted(missing)}. Facts: {sorted(known)}.")
    read = sorted(table.removeprefix("facts.") for table in model.reads - {CLOCK})
    needs = sorted({need for name in read for need in _needs(known[name]) or (name,)})
    for name in ("dimensions", "changes", "numerator_dimensions", "exclusions"):
        declared[name] = tuple(declared.get(name, ()))
    declared.setdefault("meaning", declared["changes"][-1].split("  ", 1)[-1])
    if "weights" in declared:
        declared["weights"] = _weights(path, declared)
    declared["also"] = tuple(declared.get("also", {}).items())
    declared["headline"] = tuple(sorted(declared.get("headline", {}).items()))
    fingerprint = hashlib.sha256(re.sub(r"\s+", " ", model.select).encode()).hexdigest()[:8]
    version = f"{declared['changes'][-1].split()[0]}+{fingerprint}"
    declared |= {"facts": tuple(read), "sources": tuple(needs), "version": version}
    declared["only_with"] = tuple(sorted(settings_for(model)))
    return Kpi(id=path.stem, definition=model.select, **declared)


def _refuse_part(path: Path, declared: dict[str, Any]) -> None:
    """`part_of` names another KPI of the folder, and goes with `within`, the dimension of the parts."""
    if "part_of" not in declared:
        return
    others = tuple(sorted(p.stem for p in (ROOT / "kpis").glob("*.sql") if p.stem != path.stem))
    refuse_value(path, "part_of", declared["part_of"], others)
    if "within" not in declared:
        raise ModelError(f"{path}: header: part_of needs within, the dimension of the parts.")


def _weights(path: Path, declared: dict[str, Any]) -> Weights:
    said = declared["weights"]
    refuse_keys(path, said, {"by", "of"}, {"where"}, "weights.")
    for name in said["by"]:
        refuse_value(path, "weights.by", name, tuple(declared["dimensions"]))
    refuse_value(path, "weights.of", said["of"], tuple(sorted(p.stem for p in (ROOT / "kpis").glob("*.sql"))))
    return Weights(tuple(said["by"]), said["of"], tuple(sorted(said.get("where", {}).items())))
