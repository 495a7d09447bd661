"""Headers: what a SQL file declares is read whole, and what it must not say is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms import models
from transforms.models import DURATION_STATISTICS, KINDS, LAYERS, ModelError, kpi, kpis, read_kpi, read_model, sources

HEADER = {
    "label": '"Orders that came late"',
    "question": '"How many orders arrive after four days?"',
    "kind": '"share"',
    "unit": '"share"',
    "better": '"lower"',
    "anchor": '"ordered_at"',
    "grain": '"one row per delivered order"',
    "dimensions": '["market"]',
    "owner": '"logistics"',
    "changes": '["2026-01-05  first definition", "2026-02-09  from five days to four"]',
}
SELECT = """select ordered_on as observed_on, market, order_id as subject_id, order_id,
    1 as numerator, 1 as denominator
from facts.orders"""


def write(folder: Path, select: str = SELECT, **changes: str | None) -> Path:
    """`<folder>/kpis/late_orders.sql` with a good header but for the changes; None leaves a key out."""
    said = {key: value for key, value in (HEADER | changes).items() if value is not None}
    path = folder / "kpis" / "late_orders.sql"
    path.parent.mkdir(exist_ok=True)
    lines = "\n".join(f"{key} = {value}" for key, value in said.items())
    path.write_text(f"/*\n{lines}\n*/\n\n-- Why it is so.\n{select};\n", encoding="utf-8")
    return path


def test_a_header_becomes_the_kpi(tmp_path: Path) -> None:
    k = read_kpi(write(tmp_path, window_days="4", per="100"))
    assert (k.id, k.label, k.kind, k.per, k.window_days) == ("late_orders", "Orders that came late", "share", 100, 4)
    assert k.dimensions == ("market",)
    assert k.sources == ("orders",)
    assert k.statistics == ("value",)
    assert k.headline_statistic == "value"
    assert k.definition.endswith("from facts.orders")
    assert k.version.startswith("2026-02-09+")


def test_a_duration_has_its_statistics(tmp_path: Path) -> None:
    k = read_kpi(write(tmp_path, kind='"duration"', unit='"hours"'))
    assert k.is_duration
    assert k.statistics == DURATION_STATISTICS
    assert k.headline_statistic == "p50"


def test_a_stage_that_begins_later_is_known_later(tmp_path: Path) -> None:
    """Three days from the end of the period the stage may not have begun."""
    k = read_kpi(write(tmp_path, kind='"duration"', unit='"hours"', window_days="44", within='"market"'))
    assert set(k.windows.values()) == {44}


def test_a_statistic_that_looks_a_few_days_ahead_waits_no_longer(tmp_path: Path) -> None:
    k = read_kpi(write(tmp_path, kind='"duration"', unit='"hours"', window_days="44"))
    assert set(k.windows) == set(k.statistics)
    assert (k.windows["credited_by_day_7"], k.windows["restricted_mean"], k.windows["p50"]) == (7, 30, 44)
    assert read_kpi(write(tmp_path, window_days="4")).windows == {"value": 4}


@pytest.mark.parametrize("key", HEADER)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, **{key: None})
    with pytest.raises(ModelError, match=f"missing {key}\\b") as error:
        read_kpi(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("key", ["lable", "sources", "version", "definition", "id"])
def test_an_unknown_key_is_named(tmp_path: Path, key: str) -> None:
    """Also what is derived, and must not be said."""
    with pytest.raises(ModelError, match=f"unknown {key}\\b"):
        read_kpi(write(tmp_path, **{key: '"x"'}))


@pytest.mark.parametrize(("key", "value"), [("kind", "average"), ("better", "bigger")])
def test_a_value_out_of_its_list_is_named_with_the_list(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"{key} = '{value}'; expected one of") as error:
        read_kpi(write(tmp_path, **{key: f'"{value}"'}))
    assert ("net_share" in str(error.value)) == (key == "kind")


@pytest.mark.parametrize("table", ["records.orders", "marts.kpi_weekly", "kpis.nps", "facts.parcels"])
@pytest.mark.parametrize("join", ["from {}", "from facts.orders inner join {} using (order_id)", "FROM {}"])
def test_a_kpi_that_reads_no_fact_is_refused(tmp_path: Path, table: str, join: str) -> None:
    with pytest.raises(ModelError, match="facts only") as error:
        read_kpi(write(tmp_path, f"select 1 as numerator {join.format(table)}"))
    assert table in str(error.value)


def test_a_table_in_a_comment_is_not_read(tmp_path: Path) -> None:
    k = read_kpi(write(tmp_path, f"-- unlike the rate that comes from records.orders\n{SELECT}"))
    assert k.sources == ("orders",)


def test_a_header_that_is_no_toml_says_where(tmp_path: Path) -> None:
    path = tmp_path / "broken.sql"
    path.write_text("/*\nlabel = Orders\n*/\nselect 1\n", encoding="utf-8")
    with pytest.raises(ModelError, match="the header is not TOML") as error:
        read_model(path)
    assert str(path) in str(error.value)


def test_a_file_without_a_header_has_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "marts" / "some.sql"
    path.parent.mkdir()
    path.write_text("-- A mart.\nselect * from ledger.runs\njoin run.clock on true;\n", encoding="utf-8")
    declared, model = read_model(path)
    assert declared == {}
    assert model.table == "marts.some"
    assert model.reads == {"ledger.runs", "run.clock"}


def test_the_version_follows_the_meaning_not_the_layout(tmp_path: Path) -> None:
    """Line breaks do not make a new definition; a changed condition does, and a new entry in `changes`."""
    first = read_kpi(write(tmp_path)).version
    assert read_kpi(write(tmp_path, SELECT.replace("\n", "\n\n    "))).version == first
    assert read_kpi(write(tmp_path, SELECT + "\nwhere market = 'VN'")).version != first
    assert read_kpi(write(tmp_path, changes='["2026-03-02  new"]')).version != first


def test_models_of_a_layer_come_after_what_they_read() -> None:
    for layer in LAYERS:
        seen: set[str] = set()
        names = {model.table for model in models.models(layer)}
        for model in models.models(layer):
            assert model.reads & names <= seen, model.table
            seen.add(model.table)


def test_parts_of_a_duration_name_it_and_their_dimension(tmp_path: Path) -> None:
    said = {"kind": '"duration"', "unit": '"hours"', "within": '"market"'}
    k = read_kpi(write(tmp_path, **said, part_of='"refund_cycle_time"'))
    assert (k.within, k.part_of) == ("market", "refund_cycle_time")
    with pytest.raises(ModelError, match=r"part_of = 'refund_time'; expected one of .*refund_cycle_time"):
        read_kpi(write(tmp_path, **said, part_of='"refund_time"'))
    with pytest.raises(ModelError, match="part_of needs within"):
        read_kpi(write(tmp_path, **said | {"within": None}, part_of='"refund_cycle_time"'))


def test_an_unknown_kpi_is_told_what_there_is() -> None:
    with pytest.raises(KeyError, match="refund_cycle_time"):
        kpi("refund_cycle_times")


def test_the_kpis_of_this_release() -> None:
    assert [k.id for k in kpis()] == sorted(k.id for k in kpis())
    assert {k.kind for k in kpis()} <= set(KINDS)
    assert kpi("csat").headline == (("scale", "1-5"),)
    assert kpi("contacts_per_1k_orders").all_dimensions[-2:] == ("contact_reason", "channel")


def source_file(folder: Path, columns: str) -> Path:
    path = folder / "facts" / "parcels.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'/*\nlabel = "Parcels"\nkey = "parcel_id"\n{columns}\n*/\nselect 1\n', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ('[columns]\nparcel_id = "number"', "columns.parcel_id.type = 'number'; expected one of id, code"),
        ('[columns]\nparcel_id = { type = "id", must = true }', "unknown columns.parcel_id.must"),
        ("[columns]\nparcel_id = { required = true }", "missing columns.parcel_id.type"),
        ('[columns]\nparcel_id = "id"\n[[rules]]\ncheck = "true"', "missing rules.reason"),
        ("", "missing columns"),
    ],
)
def test_a_source_that_breaks_the_format_is_told_which_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, said: str
) -> None:
    path = source_file(tmp_path, columns)
    monkeypatch.setattr(models, "ROOT", tmp_path)
    with pytest.raises(ModelError) as error:
        sources.__wrapped__()
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_what_a_source_requires() -> None:
    found = {source.id: source.required for source in sources()}
    assert found["orders"] == ["order_id", "customer_id", "market", "ordered_at", "updated_at"]
    assert found["refunds"] == ["refund_id", "order_id", "amount", "issued_at", "updated_at"]
