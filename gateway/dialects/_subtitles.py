"""A transcript as subtitles: SubRip (`srt`) and WebVTT. Pure."""

from schemas.media import Segment, Told


def srt(told: Told) -> str:
    cues = (
        f"{number}\n{_time(one.start, ',')} --> {_time(one.end, ',')}\n{_line(one.text)}\n\n"
        for number, one in enumerate(_cues(told), 1)
    )
    return "".join(cues)


def vtt(told: Told) -> str:
    cues = (f"{_time(one.start, '.')} --> {_time(one.end, '.')}\n{_line(one.text)}\n\n" for one in _cues(told))
    return "WEBVTT\n\n" + "".join(cues)


def _cues(told: Told) -> tuple[Segment, ...]:
    """Where no times were told, the whole text for the whole time."""
    if told.segments or not told.text.strip():
        return told.segments
    return (Segment(start=0.0, end=told.seconds or 0.0, text=told.text),)


def _line(text: str) -> str:
    """An empty line ends a cue, and an arrow begins one."""
    lines = (line.strip() for line in text.replace("-->", "->").splitlines())
    return "\n".join(line for line in lines if line)


def _time(seconds: float, point: str) -> str:
    millis = round(max(0.0, seconds) * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}{point}{millis % 1000:03}"
