"""What `bare.py` joins and adds up, in DuckDB's SQL: the tables that KPIs share, then the sums of every KPI.

`as_of()` is a macro: what is later has not happened. The sources are taken for clean.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

Group = tuple[str, ...]

ORDER = ("market", "category", "seller_tier", "fulfilment")
CONTACT = (*ORDER, "contact_reason", "channel")
CASE = (*ORDER, "reason_code", "carrier", "resolution")
# The contract's code lists (market, category and carrier have none): what is missing or not listed is 'unknown'.
CODES = {
    "o.seller_tier": "managed standard new",
    "o.fulfilment": "platform seller",
    "r.reason_code": "damaged wrong_item not_as_described size_or_fit late_delivery changed_mind missing_parts quality",
    "r.resolution": "refund returnless_refund exchange store_credit",
    "c.channel": "chat email phone bot social",
    "c.contact_reason": "where_is_my_refund how_to_return return_rejected damaged_item where_is_my_order payment other",
    "s.touchpoint": "post_delivery post_refund post_contact",
}
# The stages of a refund, in order: each with whose clock it is on.
STAGES = {
    "approve": "fulfilment",
    "ship": "'customer'",
    "transit": "'carrier'",
    "inspect": "'warehouse'",
    "issue": "'platform'",
    "credit": "'bank'",
}


def code(column: str) -> str:
    """SQL of a code column such as 'o.seller_tier', under its bare name, with 'unknown' for what is not known."""
    if column not in CODES:
        return f"coalesce({column}, 'unknown') as {column[2:]}"
    listed = ", ".join(f"'{value}'" for value in CODES[column].split())
    return f"case when {column} in ({listed}) then {column} else 'unknown' end as {column[2:]}"


def stage(place: int) -> str:
    """SQL of one stage of the refunds that entered it: from the last step before it to its own, or to where it ended."""
    name, owner = list(STAGES.items())[place - 1]
    before = ", ".join(["requested_at", *(f"done_{earlier}" for earlier in range(1, place))])
    return f"""
        select return_id, order_id, requested_at, {OF_CASE}, '{name}' as stage, {owner} as clock_owner,
               least(settled_at, greatest({before})) as started_at,
               case when done_{place} is null then settled_at
                    else least(settled_at, greatest({before}, done_{place})) end as finished_at,
               case when done_{place} is null then outcome else 'credited' end as outcome
        from steps where done_{place} is not null or waits_in = {place}
    """


OF_CASE, OF_CONTACT = ", ".join(CASE), ", ".join(CONTACT)
CODES_OF_ORDER = ", ".join(code(f"o.{name}") for name in ORDER)
CODES_OF_RETURN = ", ".join(code(f"r.{name}") for name in CASE[4:])
STEPS = ("approved_at", "first_scan_at", "received_at", "inspected_at")
HAPPENED = ", ".join(
    f"case when {time} <= as_of() then {time} end as {time}"
    for time in (*STEPS, "rejected_at", "cancelled_at", "expired_at")
)
# A step counts when the money waited for it; a returnless refund is only approved, issued and credited.
DONE = ", ".join(
    f"case when {time} <= least(issued_at, settled_at) and (resolution = 'refund' or {place} = 1) then {time} end as done_{place}"
    for place, time in enumerate(STEPS, 1)
)

SHARED = {
    # the moment that makes a return fully credited; without an approved amount it is the first credit
    "fully_credited": """
        select return_id, min(credited_at) as credited_at, min_by(issued_at, (credited_at, refund_id)) as issued_at
        from (
            select return_id, refund_id, credited_at, issued_at, coalesce(approved_amount, 0) - 0.01 as owed,
                   sum(amount) over (partition by return_id order by credited_at) as paid
            from refunds join (select return_id, approved_amount from returns) using (return_id)
            where credited_at <= as_of())
        where paid >= owed
        group by return_id
    """,
    # money that is on its way
    "underway": """
        select return_id, max(issued_at) as issued_at from refunds
        where issued_at <= as_of() and coalesce(credited_at > as_of(), true)
        group by return_id
    """,
    "cases": f"""
        with known as (
            select r.return_id, r.order_id, {CODES_OF_ORDER}, {CODES_OF_RETURN}, r.requested_at,
                   {", ".join(STEPS)}, rejected_at, f.credited_at, f.issued_at,
                   r.resolution in ('refund', 'returnless_refund') as is_refund,
                   least(rejected_at, r.cancelled_at, expired_at) as ended_at
            from (select * replace ({HAPPENED}) from returns where requested_at <= as_of()) as r
            left join orders as o on o.order_id = r.order_id
            left join fully_credited as f on f.return_id = r.return_id)
        select *,
               case when credited_at <= coalesce(ended_at, credited_at) then 'credited'
                    when ended_at is not null then 'ended' else 'open' end as outcome,
               greatest(requested_at, coalesce(least(credited_at, ended_at), as_of())) as settled_at
        from known
    """,
    # inbound contacts with the order they are about: that of the return they name (tier 1), else their own (tier 2)
    "inbound": f"""
        select c.contact_id, c.customer_id, r.return_id, c.order_id as own_order_id,
               coalesce(r.order_id, c.order_id) as order_id, o.ordered_at, c.created_at, {CODES_OF_ORDER},
               {code("c.contact_reason")}, {code("c.channel")},
               case when r.return_id is not null then 1 when c.order_id is not null then 2 end as tier,
               coalesce(r.order_id, c.order_id, c.return_id) as matter,
               greatest(c.created_at, case when c.resolved_at <= as_of() then c.resolved_at end) as answered_at
        from (select *, reason_code as contact_reason from contacts) as c
        left join returns as r on r.return_id = c.return_id and r.requested_at <= as_of()
        left join orders as o on o.order_id = coalesce(r.order_id, c.order_id)
        where c.direction is distinct from 'outbound' and c.created_at <= as_of()
    """,
    # the orders that a contact which names none can be about: that of its customer's one open return at that time
    # (tier 3), else the one of the 60 days before (tier 4), else several (tier 5)
    "guesses": """
        with candidates as (
            select c.contact_id, c.created_at, o.order_id, o.ordered_at, count(r.return_id) as waiting
            from (from inbound where order_id is null) as c
            join orders as o on o.customer_id = c.customer_id and o.ordered_at <= c.created_at
            left join cases as r
                on r.order_id = o.order_id and r.requested_at <= c.created_at
                and coalesce(c.created_at < least(r.ended_at, r.credited_at,
                    case when r.resolution in ('exchange', 'store_credit') then r.inspected_at end), true)
            group by all
            having waiting > 0 or o.ordered_at >= c.created_at - interval 60 days)
        select order_id, ordered_at, created_at,
               case when all_waiting = 1 then 3 when count(*) over (partition by contact_id) = 1 then 4 else 5 end as tier
        from (select *, sum(waiting) over (partition by contact_id) as all_waiting from candidates)
        where all_waiting <> 1 or waiting > 0
    """,
    "contacted_orders": """
        select order_id, min(tier) as tier
        from (select order_id, ordered_at, created_at, tier from inbound union all by name from guesses)
        where created_at between ordered_at and ordered_at + interval 30 days
        group by order_id
    """,
    # named itself, or its order between the request and 7 days after full credit
    "contacted_returns": """
        select return_id, min(tier) as tier
        from (
            select return_id, 1 as tier from inbound where return_id is not null
            union all
            select r.return_id, c.tier
            from (select own_order_id as order_id, created_at, 2 as tier from inbound
                  union all select order_id, created_at, tier from guesses) as c
            join cases as r on r.order_id = c.order_id and c.created_at >= r.requested_at
            where coalesce(c.created_at <= r.credited_at + interval 7 days, true))
        group by return_id
    """,
    # done_1 to done_6: when each step of a refund was done; waits_in: the stage that did not end
    "steps": f"""
        with paid as (
            select cases.* replace (
                       case when outcome = 'credited' then cases.issued_at
                            when underway.issued_at <= settled_at then underway.issued_at end as issued_at)
            from cases left join underway using (return_id)
            where is_refund)
        select return_id, order_id, {OF_CASE}, requested_at, settled_at, outcome,
               {DONE}, issued_at as done_5, case when outcome = 'credited' then settled_at end as done_6,
               case when outcome = 'credited' then null when done_5 is not null then 6 when done_4 is not null then 5
                    when done_3 is not null then 4 when done_2 is not null then 3
                    when done_1 is null then 1 when resolution = 'refund' then 2 else 5 end as waits_in
        from paid
    """,
    "stages": " union all ".join(stage(place) for place in range(1, 7)),
    # contacts by the stage in which their return was; those that name the order are about its latest return
    "asked_in_stage": """
        select return_id, stage, count(*) as contacts
        from (
            select s.return_id, s.stage
            from inbound as c
            join stages as s
                on s.order_id = c.order_id and c.created_at >= s.started_at and c.created_at < s.finished_at
            where (c.tier = 2 or c.return_id = s.return_id) and c.created_at < s.requested_at + interval 44 days
            qualify row_number() over (partition by contact_id order by s.requested_at desc, s.return_id desc) = 1)
        group by all
    """,
    # every refund at the end of each week in which it was open (of the last week: at the as-of time)
    "open_refunds": f"""
        with spans as (
            select {OF_CASE}, cast(requested_at as date) as requested_on, requested_at + interval 14 days as due_at,
                   cast(least(credited_at, ended_at) as date) as settled_on,
                   cast(as_of() - interval 1 microsecond as date) as last_day
            from cases where is_refund),
        sundays as (
            select *, cast(unnest(generate_series(
                       date_trunc('week', requested_on) + interval 6 days,
                       date_trunc('week', least(settled_on, last_day)) + interval 6 days, interval 7 days
                   )) as date) as sunday
            from spans),
        stock as (
            select * exclude (sunday), least(sunday, last_day) as day from sundays
            where coalesce(settled_on > least(sunday, last_day), true))
        select *, case when requested_on + 14 > day or due_at > as_of() then null
                       when day - requested_on <= 14 + 7 then '0-7 days' when day - requested_on <= 14 + 14 then '8-14 days'
                       when day - requested_on <= 14 + 30 then '15-30 days' else 'over 30 days' end as overdue
        from stock
    """,
    "asked": f"""
        select s.survey_type, s.scale_max, s.score, s.invited_at, s.responded_at,
               s.customer_id, s.order_id, s.response_id, {CODES_OF_ORDER}, {CODES_OF_RETURN}, {code("s.touchpoint")},
               coalesce(s.score is not null and s.responded_at <= as_of(), false) as is_answered
        from surveys as s
        left join returns as r on r.return_id = s.return_id
        left join orders as o on o.order_id = coalesce(s.order_id, r.order_id)
    """,
    # a second answer of a customer within ten minutes is a duplicate
    "answers": """
        select * from asked where is_answered
        qualify customer_id is null or order_id is null or coalesce(responded_at - lag(responded_at) over (
                    partition by customer_id, order_id, survey_type, touchpoint order by responded_at, response_id)
                    > interval 10 minutes, true)
    """,
    # NPS answers that their customer did not give anew within 90 days
    "last_answers": """
        select response_id, true as is_last from answers where survey_type = 'nps'
        qualify customer_id is null or coalesce(
            lead(responded_at) over (partition by customer_id order by responded_at, response_id)
            > responded_at + interval 90 days, true)
    """,
}


def pairs(dims: Group) -> list[Group]:
    """All, each dimension and each pair of them."""
    return [group for size in (0, 1, 2) for group in combinations(dims, size)]


class Sums(NamedTuple):
    """One table of finest sums: its dimensions, what is added up, and the rows that are added."""

    dims: Group
    measures: tuple[str, ...]
    rows: str  # a SELECT of day, the dimensions, (waited) and one column per measure
    groups: list[Group]
    coarse: tuple[str, ...] = ()  # measures that are told for all and single dimensions only
    by_wait: bool = False  # by waited: the second for all and single dimensions, the whole hour for pairs
    by_day: bool = True  # whether pairs have days
    is_stock: bool = False  # a week or month has the sums of its last day


CONTACTED = ("contacted", "contacted_tiers_1_4", "contacted_tiers_1_5")
STAGE, CLOCK = (*CASE, "stage"), (*CASE, "stage", "clock_owner")
ANSWER, ASKED = (*CASE, "touchpoint"), (*CASE, "touchpoint", "survey_type")
WAITED = "cast(floor(epoch({until} - {since})) as integer) as waited"
SUMS = {
    # contacts_per_1k_orders (denominator), order_contact_rate_30d, return_rate
    "orders": Sums(
        ORDER,
        ("orders", *CONTACTED, "delivered", "returned"),
        f"""
        select cast(o.ordered_at as date) as day, {CODES_OF_ORDER}, 1 as orders,
               coalesce(tier <= 2, false) as contacted, coalesce(tier <= 4, false) as contacted_tiers_1_4,
               tier is not null as contacted_tiers_1_5, coalesce(delivered_at <= as_of(), false) as delivered,
               coalesce(delivered_at <= as_of(), false) and order_id in (select order_id from cases) as returned
        from orders as o left join contacted_orders using (order_id) where ordered_at <= as_of()
        """,
        pairs(ORDER),
        coarse=CONTACTED[1:],
    ),
    # contacts_per_1k_orders (numerator), repeat_contact_rate_7d
    "contacts": Sums(
        CONTACT,
        ("contacts", "followed", "repeated"),
        f"""
        select cast(c.created_at as date) as day, {OF_CONTACT}, 1 as contacts,
               c.created_at <= as_of() - interval 7 days as followed,
               c.created_at <= as_of() - interval 7 days and exists (
                   from inbound as again
                   where again.customer_id = c.customer_id and again.matter = c.matter
                       and again.contact_reason = c.contact_reason and again.created_at > c.answered_at
                       and again.created_at <= c.answered_at + interval 7 days) as repeated
        from inbound as c
        """,
        pairs(CONTACT),
    ),
    # return_contact_rate, rejection_rate, refund_sla_rate, resolution_mix
    "returns": Sums(
        CASE,
        ("returns", *CONTACTED, "decided", "rejected", "due", "in_time", "completed"),
        f"""
        select cast(requested_at as date) as day, {OF_CASE}, 1 as returns,
               coalesce(tier <= 2, false) as contacted, coalesce(tier <= 4, false) as contacted_tiers_1_4,
               tier is not null as contacted_tiers_1_5,
               approved_at is not null or rejected_at is not null as decided, rejected_at is not null as rejected,
               is_refund and requested_at + interval 14 days <= as_of() as due,
               due and outcome = 'credited' and settled_at <= requested_at + interval 14 days as in_time,
               outcome = 'credited' or (ended_at is null and inspected_at is not null
                                        and resolution in ('exchange', 'store_credit')) as completed
        from cases left join contacted_returns using (return_id)
        """,
        pairs(CASE),
        coarse=CONTACTED[1:],
    ),
    # late_refund_open
    "stock": Sums(
        (*CASE, "overdue"),
        ("open", "late"),
        f"select day, {OF_CASE}, overdue, 1 as open, overdue is not null as late from open_refunds",
        pairs((*CASE, "overdue")),
        is_stock=True,
    ),
    # refund_cycle_time: how many were credited, are open, or ended without a refund, by how long it took
    "refund_hours": Sums(
        CASE,
        ("credited", "open", "ended"),
        f"""
        select cast(requested_at as date) as day, {OF_CASE}, {WAITED.format(until="settled_at", since="requested_at")},
               outcome = 'credited' as credited, outcome = 'open' as open, outcome = 'ended' as ended
        from cases where is_refund
        """,
        pairs(CASE),
        by_wait=True,
    ),
    # refund_stage_time: little but the stages themselves says anything, and all of them together
    "stage_hours": Sums(
        CLOCK,
        ("credited", "open", "ended"),
        f"""
        select cast(requested_at as date) as day, {", ".join(CLOCK)},
               {WAITED.format(until="finished_at", since="started_at")},
               outcome = 'credited' as credited, outcome = 'open' as open, outcome = 'ended' as ended
        from stages
        """,
        [(), ("stage",), *(group for group in pairs(CLOCK)[1 + len(CLOCK) :] if "stage" in group)],
        by_wait=True,
        by_day=False,
    ),
    # contacts_per_return_day: a return is followed for 44 days
    "stage_contacts": Sums(
        STAGE,
        ("contacts", "seconds"),
        f"""
        select cast(requested_at as date) as day, {", ".join(STAGE)}, coalesce(contacts, 0) as contacts,
               date_diff('second', started_at, least(finished_at, requested_at + interval 44 days)) as seconds
        from stages left join asked_in_stage using (return_id, stage)
        where started_at < requested_at + interval 44 days
        """,
        [group for group in pairs(STAGE) if len(group) < 2 or "stage" in group],
    ),
    # nps, nps_per_customer, csat (the scale 1-5), ces
    "answers": Sums(
        ANSWER,
        ("nps", "nps_answers", "last_nps", "last_nps_answers", "csat", "csat_answers", "ces", "ces_answers"),
        f"""
        select cast(responded_at as date) as day, {", ".join(ANSWER)},
               case when survey_type <> 'nps' or score between 7 and 8 then 0 when score >= 9 then 1 else -1 end as nps,
               survey_type = 'nps' as nps_answers,
               is_last is not null as last_nps_answers, case when is_last then nps else 0 end as last_nps,
               survey_type = 'csat' and scale_max = 5 and score >= 4 as csat,
               survey_type = 'csat' and scale_max = 5 as csat_answers,
               survey_type = 'ces' and score >= 5 as ces,
               survey_type = 'ces' as ces_answers
        from answers left join last_answers using (response_id)
        """,
        pairs(ANSWER),
    ),
    # csat by scale
    "scales": Sums(
        ("scale",),
        ("csat", "csat_answers"),
        """
        select cast(responded_at as date) as day, '1-' || scale_max as scale,
               score >= scale_max - 1 as csat, 1 as csat_answers
        from answers where survey_type = 'csat'
        """,
        [("scale",)],
    ),
    # survey_response_rate
    "invitations": Sums(
        ASKED,
        ("invitations", "answered"),
        f"""
        select cast(invited_at as date) as day, {", ".join(ASKED)}, 1 as invitations,
               is_answered and responded_at <= invited_at + interval 14 days as answered
        from asked where invited_at <= as_of()
        """,
        pairs(ASKED),
    ),
}


class Over(NamedTuple):
    """A KPI whose `above` dimensions only the numerator has: its cells stand over the sums of the rest of the group."""

    numerators: str
    numerator: str
    denominators: str
    denominator: str
    above: Group


OVER = {
    "contacts_per_order": Over("contacts", "contacts", "orders", "orders", ("contact_reason", "channel")),
    "resolution_mix": Over("returns", "completed", "returns", "completed", ("resolution",)),
    "late_of_open": Over("stock", "late", "stock", "open", ("overdue",)),
}
