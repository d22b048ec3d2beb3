{#- "Now": one moment per run. The runner gives it in the environment, which is read while a model
    runs and not while it is parsed: a run in which only the time is another parses nothing anew. By
    hand it is the var as_of, else the start of dbt. -#}
{% macro as_of() -%}
    {%- set given = env_var('LEAD_TIME_AS_OF', '') if execute else '' -%}
    {{ text_literal(given or var('as_of', none) or run_started_at.isoformat()) }}::timestamptz
{%- endmacro %}


{#- The moment of asking, for the one view that is right whenever it is asked. -#}
{% macro present_moment() -%}
    now()
{%- endmacro %}


{#- The reporting time zone, as an SQL literal. -#}
{% macro timezone() -%}
    {{ text_literal(var('timezone', 'UTC')) }}
{%- endmacro %}


{#- A moment from epoch milliseconds, exact to the millisecond. -#}
{% macro moment_of(milliseconds) -%}
    to_timestamp(({{ milliseconds }})::double precision / 1000)
{%- endmacro %}


{#- The date of a moment in the reporting time zone. -#}
{% macro reporting_date(moment) -%}
    ({{ moment }} at time zone {{ timezone() }})::date
{%- endmacro %}


{#- The Monday of a moment's week in the reporting time zone. -#}
{% macro reporting_week(moment) -%}
    date_trunc('week', {{ moment }} at time zone {{ timezone() }})::date
{%- endmacro %}


{#- The quarter of a moment in the reporting time zone, as 2026-Q3; null of null. -#}
{% macro reporting_quarter(moment) -%}
    to_char({{ moment }} at time zone {{ timezone() }}, 'YYYY"-Q"Q')
{%- endmacro %}


{#- Days between two moments, by the clock, rounded to hundredths. -#}
{% macro days_between(from_moment, to_moment) -%}
    round(extract(epoch from ({{ to_moment }}) - ({{ from_moment }})) / 86400, 2)
{%- endmacro %}


{#- Seconds of working time up to a moment, counted from the first day of int_work_days; work_day is
    its row of the moment's date. On a day that nobody works the difference is null, and greatest
    leaves nulls out. -#}
{% macro work_seconds_until(moment, work_day) -%}
    ({{ work_day }}.seconds_before + greatest(
        extract(epoch from least({{ moment }}, {{ work_day }}.closes_at) - {{ work_day }}.opens_at),
        0
    ))
{%- endmacro %}
