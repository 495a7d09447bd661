"""The runs and the command line."""

import gc

# The libraries of a run are half a million objects that live as long as it does. By Python's own thresholds they are
# looked over again and again while they are imported, which makes a night a sixth dearer.
gc.set_threshold(50_000, 20, 50)
