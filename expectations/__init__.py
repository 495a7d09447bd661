"""The audit before publishing: what must be true of every fact, KPI and mart, and what happens when it is not.

The suites are data (TOML beside this file), `suites` reads them, `gate` evaluates them with Great
Expectations inside DuckDB, and `docs` writes the page people read.
"""
