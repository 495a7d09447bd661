-- What customers wrote with their answers in the weeks that analysts drill into most. One row per comment, redacted.
-- themes: what it is about, the leading one first; empty when no theme of the lexicon is recognised.
select *
from voice.comments
