"""What the numbers say: signals, causes, effects. Python on the small published marts only."""
