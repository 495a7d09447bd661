-- from: invoices/
/*
One return per credit note (an invoice that begins with "C") of UCI Online Retail II; its lines are grouped.

Rules of this mapping
- Every credit note is one return, also those that credit postage, a discount or a fee: 4,592 in 2009-2010.
- order_id: a credit note does not name the invoice it credits. Each of its product lines (stock codes that begin with
  five digits) is matched to the same customer's latest earlier sale of the same article of at least the credited
  quantity; the return belongs to the invoice that explains most of the credited money, the later one on a tie.
  7,893 of the 9,394 product lines with a customer find a sale. A credit note without a match (its sale lies before the
  file begins, it has no customer, or it credits no article) gets the order 'unmatched-' and its own number: a key that
  points nowhere, so it is counted as an orphan in the group `unknown`, and is not lost.
- requested_at is the credit note's time because the contract requires one; it is the first moment the file knows of,
  not the customer's request. No published number uses it: see below.
- approved_at, scan, receipt and inspection are not in the file and stay null. reason_code and carrier too: `unknown`.
- approved_amount is what was credited, in GBP. One credit note (C496350) charges instead: its amount stays null.
- Times are the shop's clocks: Europe/London, turned into UTC.

Why there is no refunds.sql
- The file has one moment per credit note. Request, issue and credit would all be that moment, and the refund cycle time
  a constant 0 hours; refunds without credited_at would leave every return open for ever. Both are false numbers. With
  no refunds the source is absent, and the refund times are withheld with that reason. Contacts and surveys are absent
  as well: what publishes is return_rate.

Left to the quarantine
- A time that cannot be read (requested_at and updated_at stay null), and a credit note with a line whose quantity or
  price cannot be read (approved_amount says so).
*/
with lines as (

    select
        trim("Invoice")                                            as invoice,
        nullif(regexp_replace(trim("Customer ID"), '[.]0+$', ''), '') as customer,
        upper(trim("StockCode"))                                   as article,
        try_cast("Quantity" as decimal(18, 4))                     as quantity,
        try_cast("Price" as decimal(18, 4))                        as price,
        try_cast("InvoiceDate" as timestamp) at time zone 'Europe/London' at time zone 'UTC' as invoiced_at,
        _file || ':' || _line                                      as line
    from extract

),

sales as (

    select *
    from lines
    where upper(left(invoice, 1)) not in ('A', 'C')
        and regexp_matches(article, '^[0-9]{5}')
        and quantity > 0

),

credits as (

    select *
    from lines
    where upper(left(invoice, 1)) = 'C'

),

-- the sale a credited line undoes: the latest one that could have held it
matches as (

    select
        credits.line,
        any_value(credits.invoice)                             as credit_note,
        any_value(-credits.quantity * credits.price)           as amount,
        max_by(sales.invoice, (sales.invoiced_at, sales.invoice)) as order_id,
        max(sales.invoiced_at)                                 as sold_at
    from credits
    inner join sales
        on credits.customer = sales.customer
        and credits.article = sales.article
        and credits.invoiced_at >= sales.invoiced_at
        and -credits.quantity <= sales.quantity
    group by credits.line

),

explained as (

    select
        credit_note,
        order_id,
        row_number() over (
            partition by credit_note order by sum(amount) desc, max(sold_at) desc, order_id desc
        )                                                      as place
    from matches
    group by credit_note, order_id

),

notes as (

    select
        invoice,
        sum(cast(-quantity * price as decimal(18, 4)))         as amount,
        count(*) filter (where quantity is null or price is null) as unreadable_lines,
        min(invoiced_at)                                       as first_at,
        max(invoiced_at)                                       as last_at
    from credits
    group by invoice

)

select
    notes.invoice                                              as return_id,
    coalesce(explained.order_id, 'unmatched-' || notes.invoice) as order_id,
    'refund'                                                   as resolution,
    case
        when notes.unreadable_lines > 0 then notes.unreadable_lines || ' line(s) without a readable quantity or price'
        when notes.amount > 0 then cast(notes.amount as varchar)
    end                                                        as approved_amount,
    strftime(notes.first_at, '%Y-%m-%dT%H:%M:%SZ')             as requested_at,
    strftime(notes.last_at, '%Y-%m-%dT%H:%M:%SZ')              as updated_at
from notes
left join explained
    on notes.invoice = explained.credit_note
    and explained.place = 1
