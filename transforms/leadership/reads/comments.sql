-- What customers wrote until the end of a week, redacted; parameter: the week's last day.
select *
from comments
where responded_on <= cast(? as date)
order by response_id
