"""Why a KPI moved: exact splits, the slices that explain a move, and how sure that is. Works on small frames only."""
