"""The README is checked like code: its tables against their source, its queries on the sample, its links on disk.

`python -m tests.test_readme` writes the tables of KPIs and settings anew.
"""

from __future__ import annotations

import csv
import gzip
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.cli import app
from flows.cli_common import NOTHING, PUBLISHED, USAGE, WITH_FAULTS
from flows.night import Night
from flows.settings import Settings, load
from transforms.models import Kpi, kpis, models, read_kpi
from transforms.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
DOCUMENTS = [
    README,
    ROOT / "CHANGELOG.md",
    ROOT / "data" / "README.md",
    *sorted(ROOT.glob("data/examples/*/README.md")),
]
AS_OF = datetime(2026, 11, 23, tzinfo=UTC)
WEEKS_LOADED = 10


def between(name: str, text: str = TEXT) -> str:
    """What stands between `<!-- name -->` and `<!-- /name -->`."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"README.md has no <!-- {name} --> … <!-- /{name} -->"
    return found[1]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return [block for said, block in fenced if said == language]


def rows(table: str) -> list[list[str]]:
    """Cells of a Markdown table, without its head."""
    lines = [line for line in table.strip().splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


# ---- tables that have a source --------------------------------------------------------------------


def kpi_table() -> str:
    """The KPIs as their headers have them."""
    head = ["| id | what it asks | kind | unit | anchor | final after | sources |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*head, *map(kpi_row, kpis())]) + "\n"


def kpi_row(k: Kpi) -> str:
    final = "the agreed time" if k.window == "sla" else f"{k.window_days} days" if k.window_days else "the period"
    settings = [f"setting `{name}`" for name in k.only_with]
    cells = [
        f"[`{k.id}`](transforms/kpis/{k.id}.sql)",
        k.question,
        k.kind,
        k.unit,
        k.anchor,
        final,
        ", ".join([*k.sources, *settings]),
    ]
    return f"| {' | '.join(cells)} |"


def settings_table() -> str:
    """The settings as their class has them."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        said = (field.description or "").replace("<", "\\<")
        lines.append(f"| `{name}` | {shown(field)} | {said} |")
    return "\n".join(lines) + "\n"


def shown(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    return "none" if default is None or default == {} else f"`{default}`"


def test_the_kpi_table_is_what_the_headers_say() -> None:
    assert between("kpis") == kpi_table(), "run: python -m tests.test_readme"


def test_the_settings_table_is_what_the_class_says() -> None:
    assert between("settings") == settings_table(), "run: python -m tests.test_readme"
    assert all(field.description for field in Settings.model_fields.values())


def test_every_published_table_is_described() -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(between("tables")))))
    assert named == {model.name for model in models("marts")}


def test_every_command_and_option_is_documented() -> None:
    """And nothing else is: a command that is gone leaves the table too."""
    command = typer.main.get_command(app)
    documented = {row[0]: set(re.findall(r"`(--[\w-]+)`", row[2])) for row in rows(between("commands"))}
    expected = {}
    for name, sub in command.commands.items():  # type: ignore[attr-defined]
        arguments = [p.name.upper() for p in sub.params if p.param_type_name == "argument"]
        options = {option for p in sub.params for option in p.opts if option.startswith("--") and option != "--help"}
        expected[f"`{' '.join(['experience-kpis', name, *arguments])}`"] = options
    assert documented == expected


def test_every_command_line_shown_is_one_the_command_takes() -> None:
    """Commands and options anywhere in the documents, also in the examples' own."""
    command = typer.main.get_command(app)
    known = {name: {o for p in sub.params for o in p.opts} for name, sub in command.commands.items()}  # type: ignore[attr-defined]
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            for name, rest in re.findall(
                r"experience-kpis (nightly|weekly|query|status|schedule|[a-z]+)\b([^|`]*)", line
            ):
                assert name in known, f"{document.name}: {line}"
                assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= known[name] | {"--help"}, (
                    f"{document.name}: {line}"
                )


def test_the_exit_statuses_are_the_commands() -> None:
    assert [int(row[0]) for row in rows(between("exits"))] == [PUBLISHED, WITH_FAULTS, NOTHING, USAGE]


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^    make (\w+)", TEXT, re.MULTILINE))
    assert named == {"demo", "test"}
    assert named <= targets


def test_the_headlines_are_those_of_the_sample() -> None:
    """Values and n of the demo's output, against what plain pandas found in the same extracts."""
    truth = {}
    with gzip.open(ROOT / "data" / "sample_truth" / "kpis.csv.gz", "rt", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["week"] == "2026-11-16" and row["dimension"] == "all":
                truth[row["kpi"]] = (row["value"], int(row["n"]))
    lines = between("headlines").strip("`\n").splitlines()[1:]
    given = tomllib.loads((ROOT / "data" / "sample.toml").read_text(encoding="utf-8")).keys()
    for line, k in zip(lines, [k for k in kpis() if given >= set(k.only_with)], strict=True):
        assert line.startswith(k.label)
        if (name := f"{k.id}_aj_p50" if k.is_duration else k.id) not in truth:
            # nothing can be said yet, or how many cases it is of
            assert re.search(r" - +no_data .*2026-W| [\d,]+  (final|low_n|provisional|not_reached)$", line)
            continue
        value, n = truth[name]
        figure = {"share": "{:.1%}", "points": "{:+.1f}"}.get(k.unit, "{:,.1f}")
        assert f" {figure.format(float(value)) if value else '-'} " in line
        assert re.search(rf" {n:,}  (final|low_n|provisional|not_reached)$", line)


# ---- queries --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A night over the last weeks of the sample, published. Its folder."""
    root = tmp_path_factory.mktemp("readme")
    for folder in (ROOT / "data" / "sample").iterdir():
        (root / "landing" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[-WEEKS_LOADED:]:
            (root / "landing" / folder.name / path.name).symlink_to(path)
    with Night(load(landing=root / "landing", out=root / "out", threads=2), AS_OF) as night:
        result = night.run()
    assert not result.withheld
    return root / "out"


QUERIES = [block for block in blocks("sql") if not block.startswith("/*")]
KPI_FILES = [block for block in blocks("sql") if block.startswith("/*")]


def test_there_are_examples() -> None:
    assert len(QUERIES) >= 3
    assert len(KPI_FILES) == 1


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_an_example_query_returns_rows(sample: Path, number: int) -> None:
    with Warehouse((sample / "marts.duckdb").resolve(), read_only=True) as marts:
        columns, found = marts.table(QUERIES[number])
    assert found
    for position, column in enumerate(columns):
        assert any(row[position] is not None for row in found), column


def test_the_columns_that_are_explained_are_published(sample: Path) -> None:
    section = TEXT[TEXT.index("## Reading a number") : TEXT.index("## Asking the marts")]
    explained = set(re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(section[: section.index("The status is")]))))
    with Warehouse((sample / "marts.duckdb").resolve(), read_only=True) as marts:
        columns, _ = marts.table("select * from kpi_weekly limit 0")
        statuses = {row[0] for row in marts.rows("select distinct status from kpi_weekly")}
        names = {
            row[0] for row in marts.rows("select distinct statistic from kpi_weekly where kpi = 'refund_cycle_time'")
        }
    assert explained <= set(columns)
    assert all(f"| `{status}` |" in section for status in statuses)
    for name in names:
        assert f"`{name}`" in section or f"`_{name.rpartition('_')[2]}`" in section, name


def test_the_example_kpi_is_one(sample: Path, tmp_path: Path) -> None:
    """Its header is accepted, and its rows are what a KPI's rows have to be."""
    (tmp_path / "kpis").mkdir()
    path = tmp_path / "kpis" / "cancellation_rate.sql"
    path.write_text(KPI_FILES[0], encoding="utf-8")
    k = read_kpi(path)
    with Warehouse(sample / "warehouse.duckdb", read_only=True) as warehouse:
        columns, _ = warehouse.table(f"select * from ({k.definition}) limit 0")
        odd = f"select count(*) from ({k.definition}) where coalesce(numerator not in (0, 1) or denominator <> 1, true)"
        assert warehouse.value(odd) == 0
        assert warehouse.value(f"select sum(numerator) from ({k.definition})") > 0
    assert columns == ["observed_on", *k.dimensions, "subject_id", "order_id", "numerator", "denominator"]


# ---- links and words ------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_local_link_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_path_in_the_tree_exists() -> None:
    """The layout of the README, line by line."""
    (tree,) = [block for block in blocks("") if block.startswith("flows/")]
    folder = ROOT
    for line in tree.splitlines():
        name = line.split()[0]
        folder = folder if line.startswith("  ") else ROOT
        assert (folder / name).exists(), line
        if name == "transforms/":
            folder = ROOT / name


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs").iterdir())
    assert {f"docs/{path.name}" for path in pictures} == set(re.findall(r"\((docs/[^)]+)\)", TEXT))
    assert all(path.stat().st_size < 300_000 for path in pictures)


# Written in parts, so that this file does not name them either.
NOT_SAID = (
    "/" + "work/",
    "/" + "root/",
    "/" + "home/",
    "pypi." + "org",
    "python" + "hosted",
    "pypi " + "mirror",
    "Clau" + "de",
    "Anth" + "ropic",
    "sub" + "agent",
    "index-" + "url",
    "TO" + "DO",
    "FIX" + "ME",
    "lor" + "em ipsum",
)
WRITTEN = ("*.py", "*.md", "*.sql", "*.toml", "*.j2", "*.typ", "Makefile")
FOLDERS = ("flows", "transforms", "expectations", "tests", "benchmarks", "data/examples", "docs", ".ci")


def written() -> list[Path]:
    """What people wrote: code, documents and settings, without what tools made."""
    found = [path for pattern in WRITTEN for path in ROOT.glob(pattern)]
    found += [path for folder in FOLDERS for pattern in WRITTEN for path in (ROOT / folder).rglob(pattern)]
    return sorted({path for path in found if "__pycache__" not in path.parts})


def test_no_word_of_where_it_was_made() -> None:
    for path in written():
        text = path.read_text(encoding="utf-8")
        found = [word for word in NOT_SAID if word in text]
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_the_readme_speaks_plainly() -> None:
    assert all(ord(letter) < 0x2600 for letter in TEXT), "a picture letter"
    assert max(len(line) for line in TEXT.splitlines() if not line.startswith(("|", "!"))) <= 120
    loud = r"!\s|\b(?i:blazing|powerful|seamless|robust|cutting[- ]edge|world[- ]class|state[- ]of[- ]the[- ]art|effortless)\b"
    assert not re.findall(loud, re.sub(r"`[^`]*`", "", TEXT))


def write_tables() -> None:
    """Replace the tables that have a source."""
    text = TEXT
    for name, table in {"kpis": kpi_table(), "settings": settings_table()}.items():
        marks = (f"<!-- {name} -->\n", f"<!-- /{name} -->")
        start, end = text.index(marks[0]) + len(marks[0]), text.index(marks[1])
        text = text[:start] + table + text[end:]
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_tables()
