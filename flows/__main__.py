"""`python -m flows` is `experience-kpis`."""

from flows.cli import main

main()
