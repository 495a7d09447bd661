"""A small clean warehouse, built with DuckDB directly: each table of the real one, up to 1,900 rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

AS_OF = datetime(2026, 3, 30, 2, 0)
CONFIG: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "500MB", "threads": 2}
KINDS = {"nps": "net_share", "csat": "share", "contacts_per_1k_orders": "rate", "refund_cycle_time": "duration"}

DIMENSIONS = "market, category, seller_tier, fulfilment"

FACTS = {
    "orders": """
        select
            'o' || i                                              as order_id,
            'c' || (i % 50)                                       as customer_id,
            's' || (i % 9)                                        as seller_id,
            ['VN', 'US'][1 + i % 2]                               as market,
            ['beauty', 'toys'][1 + (i // 2) % 2]                  as category,
            ['managed', 'standard', 'new'][1 + i % 3]             as seller_tier,
            ['platform', 'seller'][1 + i % 2]                     as fulfilment,
            'USD'                                                 as currency,
            cast(10 + i as decimal(18, 4))                        as order_value,
            1 + i % 3                                             as item_count,
            timestamp '2026-01-05' + i * interval 40 minute          as ordered_at,
            timestamp '2026-01-08' + i * interval 40 minute          as delivered_at,
            cast(null as timestamp)                               as cancelled_at,
            timestamp '2026-01-09' + i * interval 40 minute          as updated_at,
            cast(ordered_at as date)                              as ordered_on
        from range(1900) as t(i)
    """,
    "returns": f"""
        select
            'r' || row_number() over (order by order_id)          as return_id,
            order_id,
            {DIMENSIONS},
            'damaged'                                             as reason_code,
            'dhl'                                                 as carrier,
            'refund'                                              as resolution,
            order_value                                           as approved_amount,
            delivered_at + interval 1 day                         as requested_at,
            delivered_at + interval 2 day                         as approved_at,
            delivered_at + interval 3 day                         as first_scan_at,
            delivered_at + interval 4 day                         as received_at,
            delivered_at + interval 5 day                         as inspected_at,
            cast(null as timestamp)                               as rejected_at,
            cast(null as timestamp)                               as cancelled_at,
            cast(null as timestamp)                               as expired_at,
            delivered_at + interval 5 day                         as updated_at,
            cast(null as timestamp)                               as ended_at,
            cast(requested_at as date)                            as requested_on
        from facts.orders
        where item_count = 1
    """,
    "refunds": """
        select
            'f' || return_id                                      as refund_id,
            return_id,
            order_id,
            approved_amount                                       as amount,
            'card'                                                as method,
            inspected_at + interval 1 day                         as issued_at,
            inspected_at + interval 2 day                         as credited_at,
            inspected_at + interval 2 day                         as updated_at,
            true                                                  as completes_return
        from facts.returns
    """,
    "contacts": f"""
        select
            'k' || return_id                                      as contact_id,
            orders.customer_id,
            order_id,
            return_id,
            'chat'                                                as channel,
            'inbound'                                             as direction,
            'where_is_my_refund'                                  as contact_reason,
            true                                                  as is_inbound,
            {", ".join("orders." + name.strip() for name in DIMENSIONS.split(","))},
            requested_at + interval 2 day                         as created_at,
            requested_at + interval 3 day                         as resolved_at,
            requested_at + interval 3 day                         as updated_at,
            cast(created_at as date)                              as created_on
        from facts.returns
        join facts.orders as orders using (order_id)
    """,
    "surveys": f"""
        select
            'v' || order_id                                       as response_id,
            customer_id,
            order_id,
            cast(null as varchar)                                 as return_id,
            cast(null as varchar)                                 as contact_id,
            ['nps', 'csat', 'ces', 'csat'][item_count]            as survey_type,
            ['0-10', '1-5', '1-7'][item_count]                    as scale,
            4                                                     as score,
            true                                                  as is_answered,
            false                                                 as is_duplicate,
            'my number is 555'                                    as comment,
            'en'                                                  as language,
            'post_delivery'                                       as touchpoint,
            {DIMENSIONS},
            'unknown'                                             as reason_code,
            'unknown'                                             as carrier,
            'unknown'                                             as resolution,
            delivered_at + interval 1 day                         as invited_at,
            delivered_at + interval 2 day                         as responded_at,
            delivered_at + interval 2 day                         as updated_at,
            cast(invited_at as date)                              as invited_on,
            cast(responded_at as date)                            as responded_on
        from facts.orders
    """,
    "repeated_answers": "select response_id from facts.surveys where response_id like 'vo1_'",
    "contact_candidates": """
        select contact_id, order_id, return_id, true as is_waiting from facts.contacts where contact_id like 'kr1_'
    """,
    "attributions": """
        select contact_id, order_id, return_id, 1 as attribution_tier, 1 as candidates, 1.0::double as weight, created_at
        from facts.contacts
    """,
    "refund_cases": """
        select
            returns.*,
            'credited'                                            as outcome,
            refunds.credited_at                                   as settled_at,
            14                                                    as sla_days,
            requested_at + interval 14 day                        as due_at
        from facts.returns
        join facts.refunds as refunds using (return_id)
    """,
    "refund_stages": """
        select return_id, stage, owner as clock_owner, started_at, finished_at, 'credited' as outcome, requested_on
        from facts.refund_cases
        cross join lateral (values
            ('approve', 'platform', requested_at, approved_at),
            ('ship', 'customer', approved_at, settled_at)
        ) as stages(stage, owner, started_at, finished_at)
    """,
    "office_stages": """
        select
            return_id, stage, clock_owner, started_at, finished_at, outcome, requested_on,
            date_diff('microsecond', started_at, finished_at) / 4000000.0 as business_seconds
        from facts.refund_stages
        where clock_owner = 'platform'
    """,
    "stage_contacts": """
        select contact_id, return_id, 'ship' as stage, created_at from facts.contacts
    """,
    "late_stages": """
        select
            return_id, stage, clock_owner, date '2026-01-05' as week, started_at + interval 1 hour as late_from,
            finished_at as late_until, cast(finished_at as date) as late_on
        from facts.refund_stages
        where stage = 'approve'
    """,
    "open_refunds": """
        select
            return_id,
            requested_on + cast(n as integer)                     as day,
            n = 1                                                 as is_late,
            case when n = 1 then '0-7 days' end                   as overdue
        from facts.refund_cases
        cross join range(2) as days(n)
    """,
}

KPIS = {
    "nps": f"""
        select responded_on as observed_on, {DIMENSIONS}, response_id as subject_id, order_id,
               -1 as numerator, 1 as denominator
        from facts.surveys where survey_type = 'nps'
    """,
    "csat": f"""
        select responded_on as observed_on, {DIMENSIONS}, response_id as subject_id, order_id,
               1 as numerator, 1 as denominator
        from facts.surveys where survey_type = 'csat'
    """,
    "contacts_per_1k_orders": f"""
        select created_on as observed_on, {DIMENSIONS}, contact_id as subject_id, order_id,
               1 as numerator, 0 as denominator
        from facts.contacts
        union all
        select ordered_on, {DIMENSIONS}, order_id, order_id, 0, 1 from facts.orders
    """,
    "refund_cycle_time": f"""
        select requested_on as observed_on, {DIMENSIONS}, return_id as subject_id, order_id,
               170.0::double as duration_hours, 'credited' as outcome
        from facts.returns
    """,
}

CATALOGUE = """
    select * from (values
        ('nps', 'net_share', 'points', 'value', []),
        ('csat', 'share', 'share', 'value', []),
        ('contacts_per_1k_orders', 'rate', 'per_1k', 'value', ['contact_reason', 'channel']),
        ('refund_cycle_time', 'duration', 'hours', 'p50', [])
    ) as t(kpi, kind, unit, headline_statistic, numerator_dimensions)
"""

# Two markets of 40 and 60 make 'all' of 100; the value moves with the week, so that nothing is constant.
MART = """
    with groups as (
        select * from (values
            ('all', 'all', 100), ('market', 'VN', 40), ('market', 'US', 60),
            ('market × category', 'VN × beauty', 40), ('scale', '1-7', 7)
        ) as t(dimension, dimension_value, n)
    )
    select
        kpi,
        date '2026-01-05' + cast(7 * week as integer)             as {period},
        dimension,
        dimension_value,
        headline_statistic                                        as statistic,
        cast(0.5 + week / 100 as double)                          as value,
        value - 0.1                                               as ci_low,
        value + 0.1                                               as ci_high,
        cast(n as bigint)                                         as n,
        case when headline_statistic = 'value' then value * n end as numerator,
        case when headline_statistic = 'value' then n end         as denominator,
        'final'                                                   as status,
        cast(null as double)                                      as prior_value,
        cast(null as double)                                      as prior_year_value,
        cast(null as double)                                      as target,
        '1'                                                       as definition_version,
        timestamptz '2026-03-30 02:00:00+00'                      as as_of,
        cast(null as varchar)                                     as note
    from marts.kpi_catalogue
    cross join groups
    cross join range(12) as weeks(week)
"""


def build(path: Path) -> None:
    """Write the clean warehouse to `path`, which must not exist; KPIs are views, as in the product."""
    with duckdb.connect(str(path), config=CONFIG) as connection:
        connection.execute("create schema facts; create schema kpis; create schema marts")
        for name, select in FACTS.items():
            connection.execute(f"create table facts.{name} as {select}")
        for name, select in KPIS.items():
            connection.execute(f"create view kpis.{name} as {select}")
            # Faults need a table to be put into.
            connection.execute(f"create table kpis.{name}_frozen as from kpis.{name}")
        connection.execute(f"create table marts.kpi_catalogue as {CATALOGUE}")
        for period, table in (("day", "kpi_daily"), ("week", "kpi_weekly"), ("month", "kpi_monthly")):
            connection.execute(f"create table marts.{table} as {MART.format(period=period)}")
