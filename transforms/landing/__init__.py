"""From landing files to records: what arrived, typed, the latest state of each key; what was refused, and why."""
