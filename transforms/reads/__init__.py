"""Questions asked of the published marts, one SELECT in a file each."""

from pathlib import Path


def read(name: str) -> str:
    """The text of `<name>.sql` of this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
