"""Make the two files of the invented shop again: ``landing/web_shop/orders.csv`` and ``landing/survey_tool/answers.csv``.

Deterministic: the same bytes on every run and every machine (integer draws of ``random.Random`` alone).
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from pathlib import Path

LANDING = Path(__file__).resolve().parent / "landing"
FIRST_DAY = dt.datetime(2026, 10, 26)  # a Monday
AS_OF = dt.datetime(2026, 11, 23)
PER_DAY = (11, 10, 10, 9, 8, 7, 7)  # Monday to Sunday
COUNTRIES = ("Germany",) * 6 + ("Austria",) * 3 + ("Switzerland",) * 2
DEPARTMENTS = ("Lamps", "Rugs", "Chairs", "Chairs", "Tableware")
# Points of "How likely are you to recommend us?"; chairs do worse, so that there is something to find.
POINTS = (10, 10, 10, 9, 9, 9, 8, 8, 7, 6, 4)
POINTS_CHAIRS = (10, 9, 9, 8, 8, 7, 6, 6, 5, 3, 0)
REMARKS = ("", "", "", "lovely, thank you", "came late, but is fine", "one leg was loose", "packed with care")

Row = list[str]


def german(moment: dt.datetime | None) -> str:
    """A moment as the shop writes it: day.month.year hour:minute, local time; empty when there is none."""
    return moment.strftime("%d.%m.%Y %H:%M") if moment else ""


def past(moment: dt.datetime) -> dt.datetime | None:
    """The moment when it has happened by the day of the export, else nothing."""
    return moment if moment < AS_OF else None


def shop(draw: random.Random) -> tuple[list[Row], list[Row]]:
    """The rows of the two files, faults included, without their headers."""
    orders: list[Row] = []
    answers: list[Row] = []
    for day in range((AS_OF - FIRST_DAY).days):
        for _ in range(PER_DAY[day % 7]):
            placed = FIRST_DAY + dt.timedelta(days=day, minutes=draw.randrange(7 * 60, 23 * 60))
            delivered = past(placed + dt.timedelta(minutes=draw.randrange(24 * 60, 5 * 24 * 60)))
            cancelled = None
            if draw.randrange(25) == 0:
                delivered, cancelled = None, past(placed + dt.timedelta(minutes=draw.randrange(5, 600)))
            number, department = f"W-{4001 + len(orders)}", draw.choice(DEPARTMENTS)
            cents, pieces = draw.randrange(1500, 32000), draw.randrange(1, 5)
            changed = max(moment for moment in (placed, delivered, cancelled) if moment)
            client, country = f"K{draw.randrange(100, 999)}", draw.choice(COUNTRIES)
            row = [number, client, country, department, german(placed), german(delivered), german(cancelled)]
            orders.append([*row, f"{cents / 100:.2f}", str(pieces), german(changed)])
            sent = past(delivered + dt.timedelta(hours=26)) if delivered else None
            if sent:
                answers.append(invitation(draw, f"A{7001 + len(answers)}", number, department, sent))
    orders[40][4] = "31.11.2026 10:15"  # a day that does not exist
    answers[25][3] = "11"  # beyond the scale
    return orders, answers


def invitation(draw: random.Random, response: str, number: str, department: str, sent: dt.datetime) -> Row:
    """One invitation, answered three times in four."""
    recommend = draw.randrange(4) > 0
    answered = past(sent + dt.timedelta(minutes=draw.randrange(20, 2 * 24 * 60)))
    if answered is None or draw.randrange(4) == 0:
        return [response, number, "Recommend" if recommend else "Satisfied", "", "", german(sent), ""]
    points = draw.choice(POINTS_CHAIRS if department == "Chairs" else POINTS)
    if not recommend:
        points = max(1, points // 2)  # stars, 1 to 5
    kind = "Recommend" if recommend else "Satisfied"
    return [response, number, kind, str(points), draw.choice(REMARKS), german(sent), german(answered)]


def write(path: Path, header: str, rows: list[Row]) -> None:
    """One CSV file: header, then the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header.split(","), *rows])


def main() -> None:
    """Write both files."""
    orders, answers = shop(random.Random(20261123))
    header = "Order No,Client,Country,Department,Placed,Delivered,Cancelled,Total,Pieces,Changed"
    write(LANDING / "web_shop" / "orders.csv", header, orders)
    write(LANDING / "survey_tool" / "answers.csv", "Response,Order No,Kind,Points,Remark,Sent on,Answered on", answers)


if __name__ == "__main__":
    main()
