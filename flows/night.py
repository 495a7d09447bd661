"""One night, step by step, without an orchestrator: what arrives, what it adds up to, whether it may be published."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.checks import Check, Target
from expectations.suites import suite_text
from flows.sources import check_conservation, check_sources
from flows.targets import GRAINS, before_estimates, marts
from flows.withholding import among, by_lineage, newly_withheld, reason
from transforms import build, catalogue, cells, changes, codes, ledger, restatements, rewrites, stopped, sums, touched
from transforms.landing.files import require_landing
from transforms.landing.ingest import Outcome, create_tables, ingest, new_files, read_mappings
from transforms.landing.streams import Limits
from transforms.models import Source, models, sources
from transforms.office import set_office_calendar
from transforms.publish import Draft, last_rows, next_version
from transforms.reads import read
from transforms.release import kpis_made
from transforms.warehouse import EngineError, Warehouse

if TYPE_CHECKING:
    from flows.settings import Settings

Report = Callable[[str, float, int, str], None]


class NothingPublished(Exception):
    """The night ends without a new version; readers keep the last one. The message says why and what to do."""


@dataclass
class Result:
    """What a night came to. Exit status 0, or 1 when something is withheld or refused."""

    run_id: str
    version: str
    ingested: list[Outcome]
    withheld: dict[str, str]
    refused: dict[str, str]
    checks_failed: int
    checks_passed: int
    scorecard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 published, 1 published with withheld KPIs or refused files."""
        return 1 if self.withheld or self.refused else 0


class Night:
    """The steps of a night over one open warehouse, in order; each can be repeated. Close it at the end."""

    def __init__(
        self, settings: Settings, as_of: datetime, report: Report = lambda *_: None, *, is_backfill: bool = False
    ) -> None:
        """Open the warehouse; `is_backfill`: what changes in published figures is marked so. Raises EngineError when another night holds it."""
        require_landing(settings.landing)
        self.settings, self.as_of, self.report = settings, as_of.astimezone(UTC), report
        self.started, self.is_backfill = datetime.now(UTC), is_backfill
        self.run_id = next_version(settings.out, self.started)
        self.mappings = read_mappings(settings.mapping)
        settings.out.mkdir(parents=True, exist_ok=True)
        self.warehouse = Warehouse(settings.warehouse, memory=settings.memory, threads=settings.threads)
        # Great Expectations takes seconds to import, the parser one: let it happen while files are read.
        self.pool = ThreadPoolExecutor(2)
        self.pool.submit(_preload)
        self.outcomes: list[Outcome] = []
        self.checks: list[Check] = []
        self.suite = suite_text("kpis")  # facts that were checked by another one are made and checked anew
        self.withheld: dict[str, str] = {}
        self.draft = Draft(self.warehouse, settings.out, self.run_id)
        with self._step("prepare"), self.warehouse.transaction():
            create_tables(self.warehouse)
            ledger.create_tables(self.warehouse)
            touched.create_tables(self.warehouse)
            rewrites.create_tables(self.warehouse)
            build.set_clock(self.warehouse, self.as_of, settings.business_time_zone, settings.market_time_zones)
            build.set_run(self.warehouse, self.run_id, settings.customer_key())
            build.set_contract(self.warehouse)
            build.set_sla(self.warehouse, [(term.market, term.days, term.valid_from) for term in settings.sla])
            build.set_stage_targets(self.warehouse, settings.stage_terms)
            build.set_kpis(self.warehouse, settings.target_terms, settings.given)
            self.kpis = kpis_made(self.warehouse)
        # Where numbers come from is read from the SQL alone: it need not wait for the files.
        self.citing = self.pool.submit(catalogue.set_citations, self.warehouse)

    def discover(self) -> dict[str, list[Any]]:
        """The files of each source that were not loaded before."""
        with self._step("discover") as done:
            found = new_files(self.warehouse, self.settings.landing, self.mappings)
            files = sum(map(len, found.values()))
            done(files, f"{files:,} new files")
        return found

    def ingest(self, source: Source, deliveries: list[Any]) -> Outcome:
        """One source's new files into its records."""
        with self._step(f"ingest {source.id}") as done:
            mapping = self.mappings.get(source.id)
            limits = Limits(int(self.settings.max_unpacked * 2**30), self.settings.max_expansion)
            outcome = ingest(self.warehouse, source, deliveries, mapping, self.run_id, limits)
            said = f"{outcome.files} files, {outcome.rows_accepted:,} accepted, {outcome.rows_superseded:,} superseded"
            said += f", {outcome.rows_quarantined:,} quarantined" if outcome.rows_quarantined else ""
            done(outcome.rows_read, said + (f", {len(outcome.refused)} files refused" if outcome.refused else ""))
        self.outcomes.append(outcome)
        return outcome

    def build_facts(self) -> None:
        """Records as they were at the as-of time, with the dimensions of their order."""
        with self._step("facts"):
            codes.make_codes(self.warehouse)
            set_office_calendar(self.warehouse, self.settings.offices)
            self.stands = touched.update_facts(self.warehouse, self.suite)
            if not self.stands:
                build.build_layer(self.warehouse, "facts")
            ledger.note_backwards(self.warehouse, self.run_id)

    def count(self) -> None:
        """Every KPI's observations, summed by day and dimensions, and by cell; and what is known to be missing."""
        with self._step("kpis") as done:
            build.build_layer(self.warehouse, "kpis", "view")
            self.withheld = ledger.withheld_by_absence(self.warehouse)
            build.set_withheld(self.warehouse, self.withheld)
            ledger.note_sources(self.warehouse)
            self.stopped = stopped.find_stopped(self.warehouse, self.settings.stale_hours)
            told = sums.tell_touched(self.warehouse, self.kpis) if self.stands else []
            build.list_observations(self.warehouse, self.settings.row_weeks, told)
            build.list_comments(self.warehouse)
            # What only reads facts and observations runs beside the counting: their expectations, and the rows to drill to.
            met = ledger.met_all(self.warehouse, self.stands.run_id) if self.stands else set()
            in_part = [k for k in told if f"kpis.{k}" in met]
            targets = before_estimates(self.warehouse, self.kpis, self.withheld, in_part)
            if self.stands:
                self.draft.start_from(self.stands.run_id, self.kpis, told)
            self.checking = self.pool.submit(self._check, targets)
            self.rows = self.pool.submit(self.draft.write_early)
            self.is_anew = cells.count_cells(self.warehouse, bool(self.stands))
            build.list_slices(self.warehouse)
            done(len(self.kpis), f"{len(self.kpis)} KPIs summed by day and cell")

    def estimate(self) -> None:
        """Values, intervals and status of every cell, in a draft of the next version."""
        with self._step("estimates") as done:
            codes.make_labels(self.warehouse)
            self.citing.result()
            periods = [model for model in models("estimates") if model.name == "periods"]
            build.build_layer(self.warehouse, "estimates", only=periods)
            # The curves run along sorted cells, most of the time on one thread.
            beside = self.pool.submit(build.estimate_beside_curves, self.warehouse)
            changes.update_estimates(self.warehouse, self.is_anew)
            touched.note_facts(self.warehouse, self.suite)
            beside.result()
            there = [*periods, *changes.touched_models()]
            build.build_layer(self.warehouse, "estimates", only=[m for m in models("estimates") if m not in there])
            if self.stands and not self.is_anew:
                self.draft.rewrite_figures(*self.stands)
            self.draft.write_checked()
            self.published = {name: build.count_rows(self.warehouse, f"marts.{name}") for name in GRAINS}
            rows = sum(self.published.values())
            done(rows, f"{rows:,} values")

    def audit(self) -> None:
        """Run the expectations over facts, observations and marts, and withhold what they refuse.

        Raises NothingPublished when a fatal one fails.
        """
        with self._step("expectations") as done:
            exporting = self.pool.submit(self.draft.export_checked)
            self.checks = check_sources(self.warehouse, self.run_id, self.settings.stale_hours)
            self.checks += check_conservation(self.warehouse, self.run_id)
            self.checks += self.checking.result() + self._check(marts(self.kpis))
            exporting.result()
            self.checks = [among(by_lineage(check), {k.id for k in self.kpis}) for check in self.checks]
            ledger.note_checks(self.warehouse, self.run_id, self.checks)
            failed = [c for c in self.checks if not c.success]
            done(len(self.checks), f"{len(self.checks)} expectations, {len(failed)} not met")
        if fatal := [c for c in failed if c.severity == "fatal"]:
            page = self._write_checks(self.settings.out, "checks-refused.html")
            said = "; ".join(map(reason, fatal[:3])) + (f"; and {len(fatal) - 3} more" if len(fatal) > 3 else "")
            raise NothingPublished(
                f"{len(fatal)} fatal expectations not met: {said}. The last version stays; all: {page}"
            )
        self.withhold(failed)

    def withhold(self, failed: list[Check]) -> None:
        """Withhold what failed checks touch: KPIs, or their slices by a dimension; the rest of the draft stays."""
        refused = newly_withheld(failed, self.withheld)
        if refused:
            self.withheld |= refused
            build.set_withheld(self.warehouse, self.withheld)
            self.draft.write_checked()

    def publish(self) -> Result:
        """The draft becomes the version that readers see, by one rename, with the page of checks in it."""
        with self._step("publish") as done:
            ledger.note_published(self.warehouse, self.settings.out)
            self.rows.result()
            restatements.follow(self.warehouse, last_rows(self.settings.out), self.is_backfill)
            tidying = self.pool.submit(self._tidy)
            self._write_checks(self.draft.folder)
            scorecard = self._scorecard()
            self.draft.write_rest()
            tidying.result()
            folder = self.draft.publish(self.settings.keep_versions)
            rewrites.note_version(self.warehouse, self.run_id, self.draft.whole)
            done(sum(self.published.values()), str(folder))
        failed = sum(not c.success for c in self.checks)
        refused = {name: why for outcome in self.outcomes for name, why in outcome.refused.items()}
        passed, told = len(self.checks) - failed, self.stopped | self.withheld
        return Result(self.run_id, self.run_id, self.outcomes, told, refused, failed, passed, scorecard)

    def run(self) -> Result:
        """All steps in order."""
        found = self.discover()
        for source in sources():
            self.ingest(source, found[source.id])
        self.build_facts()
        self.count()
        self.estimate()
        self.audit()
        return self.publish()

    def close(self) -> None:
        """Close the warehouse; a draft that was not published is given up."""
        self.pool.shutdown()
        try:
            if self.draft.folder.exists():
                self.draft.discard()
        finally:
            self.warehouse.close()

    def __enter__(self) -> Night:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tidy(self) -> None:
        """What closing the warehouse would do, while the new version is written."""
        with self.warehouse.session() as session:
            session.checkpoint()

    def _scorecard(self) -> list[dict[str, Any]]:
        """The headline of every KPI in the last complete week, for people."""
        columns, rows = self.warehouse.table(read("scorecard"))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _check(self, targets: list[Target]) -> list[Check]:
        from expectations.gate import check

        database, config = self.warehouse.path, self.warehouse.config
        return check(database, targets, config=config, as_of=self.as_of, run_id=self.run_id)

    def _write_checks(self, folder: Path, name: str = "checks.html") -> Path:
        from expectations.docs import write_page

        write_page(self.checks, folder / name, title=f"Checks of the night {self.run_id}", as_of=self.as_of)
        return folder / name

    @contextmanager
    def _step(self, name: str) -> Iterator[Callable[[int, str], None]]:
        """Time a step, log it, and say it; a step that fails is logged with its error."""
        began, started, said = time.perf_counter(), datetime.now(UTC), (0, "")

        def done(rows: int, message: str) -> None:
            nonlocal said
            said = (rows, message)

        status = "failed"
        try:
            yield done
            status = "done"
        except Exception as error:
            said = (said[0], str(error))
            raise
        finally:
            seconds = time.perf_counter() - began
            if name != "prepare":
                row = {"run_id": self.run_id, "as_of": self.as_of}
                row |= {"started_at": started, "finished_at": datetime.now(UTC)}
                row |= {"step": name, "rows": said[0], "seconds": seconds, "status": status, "message": said[1]}
                # What a failed step says is not to be hidden by a log that has no room either.
                with suppress(EngineError) if status == "failed" else nullcontext():
                    ledger.note_step(self.warehouse, row)
            self.report(name, seconds, *said)


def _preload() -> None:
    import transforms.lineage  # noqa: F401
    from expectations.gate import preload

    preload()
