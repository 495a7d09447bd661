"""The stages of a refund by name, as facts.refund_stages makes them."""

from __future__ import annotations

STAGES = ("approve", "ship", "transit", "inspect", "issue", "credit")  # in the order a refund goes through them
LONGEST_HOURS = 8784  # that one can have as its target, a leap year: beyond it no stage is late
