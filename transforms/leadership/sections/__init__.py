"""The parts of the weekly file as text, one module for each: what page and print say, in the same words and numbers."""
