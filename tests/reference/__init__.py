"""An independent computation of every mart, written from the contract and not from the models.

Input: raw tables, definitions (dbt vars and seeds), one moment. Output: rows of Python values, to
be compared with the marts cell by cell. Plain code on purpose: it is read to settle disputes.

    raw = read_raw(connection)
    definitions = Definitions.from_vars({"timezone": "Europe/Moscow"}, read_seeds(folder))
    wanted = compute(raw, definitions, as_of)
    actual = read_marts(connection)
    differences = {mart: compare(wanted[mart], actual[mart], KEYS[mart]) for mart in KEYS}

Where the contract leaves room, this is how it is read here, with the words it rests on.

Lead time
- A time error of the cycle time leaves the lead time as it is ("gives no value" speaks of the
  span), yet the issue "is in no spectrum and no percentile".
- Only done issues have spans, so only they have time errors ("null … unless `is_done`").
- `lead_time_minutes_per_day` replaces the instance's own `minutesADay` as well ("when set,
  replaces 480 and 1440 alike"), never the 86,400 seconds of a span from history.
- A team, type or assignee with several values reads as their names in order, joined by ", ".
- Story points are a number, or the name of a value that spells one: below a million,
  blanks around it left out. `1,000` may be one or a thousand, and is none.

Working time
- "The first row of `work_week`" is that of the smallest weekday.
- A local time that the clock shows twice is the later one; one that it skips is taken as if the
  clock had not yet been put forward (as PostgreSQL reads a local time).
- "In states of any other category": done ones too, between a resolution and its reopening.
- "Entry into the present state" is the last recorded change of the state, wherever it led.
- "How often a standing resolution was taken back": one that stood for no time does not count.

Fields
- "A list of candidates tried in order": per project; a name before a localised name.
- A field's name compares exactly; only state categories are "case-insensitive".
- The role of a field at a past moment is that of the project of that moment.

History
- A value as of a moment includes what happened at that very millisecond.
- What history gives stands ("as far as history gives them"); the present speaks where a field
  was never changed. A present `resolved` later than all history is a resolution of its own.
- A resolution's moment is `added`, what YouTrack shows as `resolved`.
- Only the open visit is held "never below 0". No state at all is one visit to `(none)`.
- An equal-name change is judged by its own two names, not by the state before it.

Sprints
- An interval that no activity ends, while the present list does not hold the issue, ends now
  ("open to now when the present membership says so"): it stands in a closed sprint. So does one
  of a missing issue ("in an open sprint a missing issue is no member at e").
- A present member whose last activity is a removal is no member: nothing says since when.
- Touching intervals are one ("a set of half-open intervals").
- "A later sprint" starts later. The minute and the closing grace include their ends, and a
  sprint shorter than the grace is no exception.
- A field-synced membership counts while the issue is in the board's projects. A sprint that a
  past project no longer counts in still received its issues: arrivals are told as the board stood.
- The dates of version-field sprints are days in UTC (stored at 12:00 UTC); the sprint runs from
  the start of the first to the last millisecond of the last, in the reporting time zone.
- Two sprints that even the start date does not tell apart carry their id too ("unique").
- `agg_sprint_throughput` has a row wherever `fct_sprint_issues` has one of an included team.
- Boards without sprints still give the present team of a card ("boards whose sprints now hold
  the issue"); they give no sprint.

Flow
- At now the present speaks ("resolved: YouTrack's `resolved` is set", "its last day equals
  `fct_issues`"), before now the history does, also where it does not lead to the present.
- The category of a state then is that of the visit to it, as `fct_state_intervals` has it.
- What is dated after now is not there yet: an issue that is created while the run is at work.

The last run
- `age_hours` is the age that is compared: Saturdays and Sundays not counted. No OK yet: not stale.
- "Stale, and then NOK": also while a run is at work.
"""

from .compare import compare, read_marts
from .definitions import DefinitionError, Definitions, read_seeds
from .incidents import (
    INCIDENT_KEYS,
    Rules,
    compute_incidents,
    read_incident_marts,
    read_incidents_raw,
)
from .marts import KEYS, Company, Marts, compute
from .moments import nearest_rank, percentile_cont
from .raw import TABLES, Raw, read_raw
from .status import pipeline_status

__all__ = [
    "INCIDENT_KEYS",
    "KEYS",
    "TABLES",
    "Company",
    "DefinitionError",
    "Definitions",
    "Marts",
    "Raw",
    "Rules",
    "compare",
    "compute",
    "compute_incidents",
    "nearest_rank",
    "percentile_cont",
    "pipeline_status",
    "read_incident_marts",
    "read_incidents_raw",
    "read_marts",
    "read_raw",
    "read_seeds",
]
