"""The rules that keep the layers apart, as tests: who imports what, what a model reads, what a KPI file may say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from flows.settings import Settings
from transforms.headers import CLOCK
from transforms.models import DURATION_STATISTICS, derived_facts, kpis, models, sources
from transforms.publish import CHECKED

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "transforms", "expectations")
PYTHON = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SQL = sorted((ROOT / "transforms").rglob("*.sql"))
MAX_PYTHON_LINES = 300
MAX_SQL_LINES = {"kpis": 90, "estimates": 380}  # an estimate is one algorithm, read from top to bottom
MAX_OTHER_SQL_LINES = 120

# Where each engine is imported. duckdb_sqlalchemy belongs to the connection that Great Expectations works on.
HOMES = {
    "duckdb": {"transforms/warehouse.py"},
    "great_expectations": {"expectations/gate.py", "expectations/lean.py"},
    "duckdb_sqlalchemy": {"expectations/connection.py"},
    "sqlalchemy": {"expectations/connection.py"},
    "prefect": {
        "flows/prefect_api.py",
        "flows/nightly.py",
        "flows/backfill.py",
        "flows/weekly.py",
        "flows/schedule.py",
    },
    "typer": {"flows/cli.py", "flows/cli_analysis.py", "flows/cli_operations.py", "flows/cli_common.py"},
    "sqlglot": {"transforms/lineage.py", "transforms/reach.py"},
}
# What each package may import of the product.
BELOW = {
    "transforms": {"transforms"},
    "expectations": {"expectations"},
    "flows": {"flows", "transforms", "expectations"},
}
# The layers of models, and what each may read beside its own earlier models.
READS = {
    "facts": {"records", "run"},
    "voice": {"facts", "run"},
    "kpis": {"facts", "run"},
    "estimates": {"cells", "sums", "run"},
    "marts": {"estimates", "sums", "voice", "ledger", "run", "facts"},
}
SHARED = ("observed_on", "subject_id", "order_id")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: relative import"
            yield node.module or ""


@cache
def parsed(path: Path) -> tuple[exp.Expression | None, ...]:
    # DuckDB takes `values` for a table's name, the parser for a keyword.
    text = path.read_text(encoding="utf-8").replace("estimates.figures", "estimates.figures")
    return tuple(sqlglot.parse(text, dialect="duckdb"))


def tables(path: Path) -> set[str]:
    """`schema.table` of everything a SELECT reads that is not a part of itself."""
    (select,) = parsed(path)
    assert select is not None
    return {f"{table.db}.{table.name}" for table in select.find_all(exp.Table) if table.db}


# ---- imports --------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", HOMES)
def test_each_engine_is_imported_in_its_place(package: str) -> None:
    found = {name(path) for path in PYTHON if any(module.split(".")[0] == package for module in imports(path))}
    assert found <= HOMES[package]
    assert found, f"nothing imports {package}: take it off the list"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_packages_import_downwards(path: Path) -> None:
    package = name(path).split("/")[0]
    found = {module.split(".")[0] for module in imports(path)} & {*PACKAGES, "tests", "benchmarks", "data"}
    assert found <= BELOW[package], f"{name(path)} imports {found - BELOW[package]}"


def test_the_weekly_file_reads_published_marts_only() -> None:
    """Asks and formats, never computes from the warehouse: of the pipeline it knows names, and the questions put to what is published."""
    allowed = (
        "transforms.leadership",
        "transforms.insight",
        "transforms.reads",
        "transforms.models",
        "transforms.stages",
    )
    for path in (ROOT / "transforms" / "leadership").rglob("*.py"):
        own = [module for module in imports(path) if module.startswith("transforms")]
        assert all(module.startswith(allowed) for module in own), f"{name(path)}: {own}"


# ---- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_python_files_fit_in_a_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_PYTHON_LINES


@pytest.mark.parametrize("path", SQL, ids=name)
def test_sql_files_fit_in_a_head(path: Path) -> None:
    limit = MAX_SQL_LINES.get(path.parent.name, MAX_OTHER_SQL_LINES)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


def test_flows_hold_no_sql() -> None:
    """Statements live in transforms: no text in flows reads like one, plain or formatted."""
    openings = ("select ", "with ", "insert ", "create ", "update ", "delete ", "copy ", "attach ", "from ")
    for path in (ROOT / "flows").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(str(p.value) for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))
            is_sql = text.lower().lstrip().startswith(openings) and " from " in f" {text.lower()} "
            assert not is_sql or text.startswith("from "), f"{name(path)}:{node.lineno}: {text}"
            assert not (isinstance(node, ast.JoinedStr) and is_sql), f"{name(path)}:{node.lineno}: {text}"


def test_the_clock_is_read_in_flows_and_the_gate_only() -> None:
    """When a run is about is an argument; what is stamped with the time of day says when it was written."""
    readers = set()
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        if "datetime.now(" in text or "time.time(" in text or "utcnow" in text:
            readers.add(name(path))
    inside = {n for n in readers if not n.startswith("flows/")}
    assert inside <= {"expectations/gate.py", "transforms/landing/ingest.py", "transforms/leadership/files.py"}
    for path in SQL:
        text = path.read_text(encoding="utf-8").lower()
        assert "now()" not in text, name(path)
        assert "current_" not in text.replace("current_version", ""), name(path)


# ---- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SQL, ids=name)
def test_a_model_is_one_select(path: Path) -> None:
    statements = parsed(path)
    assert len(statements) == 1, f"{len(statements)} statements"
    assert isinstance(statements[0], exp.Select | exp.SetOperation), type(statements[0])


@pytest.mark.parametrize("path", [p for p in SQL if p.parent.name in READS], ids=name)
def test_a_model_reads_only_layers_before_its_own(path: Path) -> None:
    layer = path.parent.name
    own = [model.table for model in models(layer)]
    earlier = set(own[: own.index(f"{layer}.{path.stem}")])
    for table in tables(path):
        assert table.split(".")[0] in READS[layer] or table in earlier, f"reads {table}"


@pytest.mark.parametrize("path", [p for p in SQL if p.parent.name in READS], ids=name)
def test_the_order_of_models_knows_all_they_read(path: Path) -> None:
    """What the run order is made from is what a parser finds."""
    (model,) = (m for m in models(path.parent.name) if m.name == path.stem)
    assert model.reads == tables(path)


@pytest.mark.parametrize("path", [p for p in SQL if p.parent.name in READS], ids=name)
def test_models_stay_portable(path: Path) -> None:
    """No percentile function (the histogram gives quantiles), and a week is cast to a day."""
    (select,) = parsed(path)
    assert select is not None
    called = {type(call).__name__.lower() for call in select.find_all(exp.Func)}
    called |= {str(call.this).lower() for call in select.find_all(exp.Anonymous)}
    assert not called & {
        "quantile",
        "percentilecont",
        "percentiledisc",
        "approxquantile",
        "quantile_cont",
        "quantile_disc",
    }
    assert not called & {"now", "currenttimestamp", "currentdate", "rand", "random", "uuid"}


def test_no_model_is_left_out() -> None:
    """A folder of models is a layer; the rest are questions asked of what is published."""
    folders = {path.parent.relative_to(ROOT / "transforms").as_posix() for path in SQL}
    assert folders == {*READS, "reads", "leadership/reads", "insight/reads"}
    assert set(CHECKED) <= {model.name for model in models("marts")}


# A question about the night itself, whose answer goes into the ledger.
ABOUT_THE_NIGHT = {
    "credited_before_request": {"facts", "records"},
    "conservation": {"facts", "records", "run"},
    "source_volumes": {"ledger", "run"},
    "source_shapes": {"ledger", "run"},
    "stopped_sources": {"run"},
}


@pytest.mark.parametrize("path", [p for p in SQL if p.parent.name == "reads"], ids=name)
def test_questions_read_marts_only(path: Path) -> None:
    """Inside the night the marts are in their draft; for everybody else they are tables without a schema."""
    (select,) = parsed(path)
    assert select is not None
    allowed = ABOUT_THE_NIGHT.get(path.stem, {"marts", "information_schema"})
    assert {table.db for table in select.find_all(exp.Table)} <= {"", *allowed}


# ---- KPIs -----------------------------------------------------------------------------------------

KPI_FILES = [path for path in SQL if path.parent.name == "kpis"]


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_kpi_says_all_that_is_said_of_it(path: Path) -> None:
    (k,) = (k for k in kpis() if k.id == path.stem)
    texts = (k.label, k.question, k.unit, k.anchor, k.grain, k.owner)
    assert all(text.strip() for text in texts)
    assert k.question.endswith("?")
    assert k.changes
    assert all(len(change.split("  ", 1)) == 2 for change in k.changes)
    assert {"hours": "duration", "points": "net_share"}.get(k.unit, k.kind) == k.kind
    assert k.per == {"points": 100, "per_1k": 1000, "per_day": 86_400}.get(k.unit, 1)


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_kpi_gives_one_row_per_observation(path: Path) -> None:
    """Its columns are those of its header, in their order: the day, the dimensions, the ids, what is counted."""
    (k,) = (k for k in kpis() if k.id == path.stem)
    (select,) = parsed(path)
    assert select is not None
    measures: tuple[str, ...] = ("duration_hours", "outcome") if k.is_duration else ("numerator", "denominator")
    measures += tuple(column for _, column in k.also if column not in measures)
    measures += ("counted_at", "based_at") if k.nowcast else ()
    measures += ("begun_after_hours",) if k.part_of else ()
    assert tuple(select.named_selects) == ("observed_on", *k.all_dimensions, "subject_id", "order_id", *measures)


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_kpi_reads_facts_only(path: Path) -> None:
    (k,) = (k for k in kpis() if k.id == path.stem)
    assert {table.partition(".")[0] for table in tables(path) - {CLOCK}} == {"facts"}
    assert {table.partition(".")[2] for table in tables(path) - {CLOCK}} == set(k.facts)
    derived = derived_facts()
    assert set(k.sources) == {need for fact in k.facts for need in derived.get(fact, (fact,))}


@pytest.mark.parametrize("fact", [m.name for m in models("facts")])
def test_a_fact_begins_with_the_id_of_what_it_is_about(fact: str) -> None:
    """So that the rows of touched records are found, in every night: the key of an extract."""
    (select,) = parsed(ROOT / "transforms" / "facts" / f"{fact}.sql")
    assert select is not None
    first = select.left.selects[0] if isinstance(select, exp.SetOperation) else select.selects[0]
    named = "return_id" if first.sql() == "returns.*" else first.alias_or_name
    assert named in {source.key for source in sources()}


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_classifying_case_has_no_else(path: Path) -> None:
    """What nobody foresaw stays NULL and fails the KPI contract, before it reaches a mart."""
    (select,) = parsed(path)
    assert select is not None
    for case in select.find_all(exp.Case):
        assert case.args.get("default") is None, case.sql(dialect="duckdb")


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_kpi_does_not_clean(path: Path) -> None:
    """Types and unknown values are settled in facts: no cast but that of a condition to 0 or 1, no 'unknown'."""
    (select,) = parsed(path)
    assert select is not None
    for cast in select.find_all(exp.Cast):
        inner = cast.this.unnest()
        assert isinstance(inner, exp.Predicate | exp.Not | exp.And | exp.Or), cast.sql(dialect="duckdb")
    assert not [text for text in select.find_all(exp.Literal) if text.this == "unknown"]
    assert not list(select.find_all(exp.TryCast))


@pytest.mark.parametrize("path", KPI_FILES, ids=name)
def test_a_kpi_has_a_test(path: Path) -> None:
    assert (ROOT / "tests" / "kpis" / f"test_{path.stem}.py").exists()


def test_nothing_else_names_a_kpi() -> None:
    """A KPI is declared once: no other SQL and no Python knows its id."""
    ids = {k.id for k in kpis()}
    for path in [p for p in SQL if p.parent.name != "kpis"]:
        (select,) = parsed(path)
        assert select is not None
        assert not {text.this for text in select.find_all(exp.Literal)} & ids, name(path)
        assert not {column.name for column in select.find_all(exp.Column)} & ids, name(path)
    for path in PYTHON:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        assert not texts & ids, f"{name(path)} names {texts & ids}"


def test_durations_are_published_with_every_statistic() -> None:
    (path,) = (p for p in SQL if p.stem == "durations")
    (select,) = parsed(path)
    assert select is not None
    assert set(DURATION_STATISTICS) <= {text.this for text in select.find_all(exp.Literal)}


# ---- expectations ---------------------------------------------------------------------------------


def test_every_fact_has_a_suite() -> None:
    suites = {path.stem for path in (ROOT / "expectations" / "facts").glob("*.toml")}
    assert (
        suites == {model.name for model in models("facts")} == {source.id for source in sources()} | {*derived_facts()}
    )


def test_what_a_model_needs_is_a_setting() -> None:
    assert {model.only_with for model in models("facts")} - {""} <= Settings.model_fields.keys()


def test_the_kpis_and_the_marts_have_one_contract_each() -> None:
    assert {p.name for p in (ROOT / "expectations").glob("*.toml")} == {"kpis.toml", "marts.toml"}


def test_every_column_of_the_contract_is_read_by_its_fact() -> None:
    """What an extract must bring is used: a fact gives each of its columns on, or works with it."""
    for source in sources():
        text = (ROOT / "transforms" / "facts" / f"{source.id}.sql").read_text(encoding="utf-8")
        body = text[text.index("*/") :]
        for column in source.columns:
            assert column.name in body, f"facts.{source.id} does not use {column.name}"
