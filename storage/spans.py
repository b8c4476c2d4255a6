"""From when to when: what a person writes (`7d`, `2026-11-01`, a time with its zone, a month) as bounds in UTC.

What a newcomer would get wrong: the end is exclusive, but a day or a month that is named as the end is meant as a whole; and
a time without a zone is UTC, as every time in the archive is.
"""

import re
from datetime import UTC, date, datetime, timedelta

import msgspec

from schemas.problem import Code, Problem

_AGO = re.compile(r"(\d{1,6})(m|h|d|w)\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


class Span(msgspec.Struct, frozen=True):
    """From `since` until before `until`, plain times in UTC; None: open."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        return self.since is not None and self.until is not None and self.since >= self.until

    def hours(self) -> "Span":
        """The span of whole hours around it."""
        hour = timedelta(hours=1)
        since = self.since and self.since - _into(self.since)
        until = self.until and (self.until + hour - _into(self.until) if _into(self.until) else self.until)
        return Span(since, until)

    def days(self) -> "Span":
        """The span of whole days within it; it may be `empty`."""
        day = timedelta(days=1)
        until = self.until and self.until.replace(hour=0, minute=0, second=0, microsecond=0)
        since = self.since and self.since.replace(hour=0, minute=0, second=0, microsecond=0)
        return Span(since + day if since and since != self.since else since, until)

    def tests(self, column: str) -> list[str]:
        """SQL: that the time is within, and so is the month, by which whole files are left out."""
        found = []
        if self.since is not None:
            found += [f"{column} >= {literal(self.since)}", f"month >= '{self.since:%Y-%m}'"]
        if self.until is not None:
            last = self.until - timedelta(microseconds=1)
            found += [f"{column} < {literal(self.until)}", f"month <= '{last:%Y-%m}'"]
        return found


def span_of(since: str, until: str, month: str, now: datetime) -> Span:
    """`now`: in UTC, without a zone. Raises `Problem(INVALID_REQUEST)` that names the parameter."""
    if month:
        if since or until:
            raise _wrong("month", "`month` goes without `from` and `to`.")
        return Span(_month(month, "month"), _next(_month(month, "month")))
    found = Span(_moment(since, "from", now, False), _moment(until, "to", now, True))
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise _wrong("from", f"'{since[:40]}' is not before '{until[:40]}'.")
    return found


def literal(when: datetime) -> str:
    """SQL: a time."""
    return f"TIMESTAMP '{when.isoformat(sep=' ')}'"


def _into(when: datetime) -> timedelta:
    """How long the hour has lasted."""
    return timedelta(minutes=when.minute, seconds=when.second, microseconds=when.microsecond)


def _moment(said: str, param: str, now: datetime, end: bool) -> datetime | None:
    if not said:
        return None
    try:
        if ago := _AGO.match(said):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if _MONTH.match(said):
            return _next(_month(said, param)) if end else _month(said, param)
        if _DAY.match(said):
            day = datetime.combine(date.fromisoformat(said), datetime.min.time())
            return day + timedelta(days=1) if end else day
        # in a query string a plus is a space, which nobody remembers
        when = datetime.fromisoformat(re.sub(r" (?=\d\d:\d\d\Z)", "+", said))
        return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
    except (ValueError, OverflowError):
        what = (
            "a date (2026-11-01), a time (2026-11-01T12:00:00Z), a month (2026-11) or how long ago (30m, 24h, 7d, 4w)"
        )
        raise _wrong(param, f"'{said[:40]}' is no time; write {what}.") from None


def _month(said: str, param: str) -> datetime:
    found = _MONTH.match(said)
    if found is None or not 1970 <= int(found[1]) < 9999:
        raise _wrong(param, f"'{said[:40]}' is no month; write it as 2026-11.")
    return datetime(int(found[1]), int(found[2]), 1)


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _wrong(param: str, said: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, said, param=param)
