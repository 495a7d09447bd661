-- Refunds that no clock can measure, for the quarantine: their record is kept, their return is in no duration.
select
    'refunds'                                                            as source,
    records._file                                                        as file,
    null                                                                 as line,
    'credited_at is before requested_at of its return ' || refunds.return_id as reason,
    to_json(struct_pack(
        refund_id := refunds.refund_id, return_id := refunds.return_id, credited_at := refunds.credited_at
    ))::varchar                                                          as raw
from facts.refunds
inner join records.refunds as records using (refund_id)
where refunds.is_before_request
