{{ config(materialized='view') }}

with

pipeline_runs as (

    select
        run_id,
        started_at,
        finished_at,
        status,
        error,
        data_as_of,
        warnings,
        lock_key
    from {{ source('ops', 'pipeline_runs') }}

),

-- A run holds an advisory lock on its key, a bigint that pg_locks shows as two halves.
held_locks as (

    select (classid::bigint << 32) | objid::bigint as lock_key
    from pg_locks
    where
        locktype = 'advisory'
        and objsubid = 1
        and granted
        and database = (
            select pg_database.oid
            from pg_database
            where pg_database.datname = current_database()
        )

),

-- One run at a time: of several that never finished, only the last can be alive.
runs as (

    select
        pipeline_runs.run_id,
        pipeline_runs.started_at,
        pipeline_runs.finished_at,
        pipeline_runs.error,
        pipeline_runs.data_as_of,
        pipeline_runs.warnings,
        coalesce(pipeline_runs.finished_at, pipeline_runs.started_at) as last_run_at,
        case
            when pipeline_runs.status <> 'RUNNING' then pipeline_runs.status
            when
                pipeline_runs.lock_key in (select held_locks.lock_key from held_locks)
                and pipeline_runs.started_at
                = max(pipeline_runs.started_at) filter (
                    where pipeline_runs.status = 'RUNNING'
                ) over ()
                then 'RUNNING'
            else 'DIED'
        end as outcome
    from pipeline_runs

),

last_runs as (

    select
        last_run_at,
        outcome,
        error
    from runs
    order by outcome = 'RUNNING' desc, last_run_at desc, run_id desc
    limit 1

),

last_finished_runs as (

    select case when outcome = 'DIED' then 'NOK' else outcome end as status
    from runs
    where outcome <> 'RUNNING'
    order by last_run_at desc, run_id desc
    limit 1

),

last_ok_runs as (

    select
        last_run_at as last_ok_at,
        data_as_of,
        warnings
    from runs
    where outcome = 'OK'
    order by last_run_at desc, run_id desc
    limit 1

),

days_since_ok as (

    select
        days.local_day,
        days.local_day at time zone {{ timezone() }} as begins_at,
        (days.local_day + interval '1 day') at time zone {{ timezone() }} as ends_at
    from last_ok_runs
    cross join generate_series(
        {{ reporting_date('last_ok_runs.last_ok_at') }}::timestamp,
        {{ reporting_date(present_moment()) }}::timestamp,
        interval '1 day'
    ) as days (local_day)

),

-- The working week's share of the time since the last good run.
working_time as (

    select
        sum(
            extract(
                epoch from
                least({{ present_moment() }}, days_since_ok.ends_at)
                - greatest(last_ok_runs.last_ok_at, days_since_ok.begins_at)
            )
        ) / 3600 as working_hours
    from days_since_ok
    cross join last_ok_runs
    where extract(isodow from days_since_ok.local_day) < 6

),

combined as (

    select
        last_runs.last_run_at,
        last_runs.outcome,
        last_finished_runs.status as last_finished_status,
        last_ok_runs.last_ok_at,
        last_ok_runs.data_as_of,
        last_ok_runs.warnings,
        last_runs.error,
        extract(epoch from {{ present_moment() }} - last_ok_runs.last_ok_at) / 3600 as age_hours,
        coalesce(working_time.working_hours > {{ var('run_max_age_hours', 26) }}, false)
            as is_stale
    from (select 1) as one_row
    left join last_runs on true
    left join last_finished_runs on true
    left join last_ok_runs on true
    left join working_time on true

),

final as (

    select
        last_run_at,
        case
            when outcome is null then 'NEVER'
            when outcome = 'DIED' or is_stale then 'NOK'
            else outcome
        end as status,
        coalesce(last_finished_status, '(none)') as last_finished_status,
        last_ok_at,
        data_as_of,
        age_hours::numeric(12, 2) as age_hours,
        is_stale,
        case
            when outcome = 'DIED'
                then coalesce(
                    nullif(error, ''),
                    'The run that started at '
                    || to_char(last_run_at at time zone {{ timezone() }}, 'YYYY-MM-DD HH24:MI')
                    || ' ' || {{ timezone() }} || ' died without a word: its lock is free.'
                )
            when is_stale and outcome <> 'NOK'
                then
                    'The last good run ended at '
                    || to_char(last_ok_at at time zone {{ timezone() }}, 'YYYY-MM-DD HH24:MI')
                    || ' ' || {{ timezone() }}
                    || ', more than {{ var("run_max_age_hours", 26) }} working hours ago.'
            when outcome = 'NOK' then coalesce(nullif(error, ''), '(none)')
            else '(none)'
        end as error,
        -- a line each; null where an earlier version kept none
        cardinality(string_to_array(warnings, e'\n')) as warnings_count,
        coalesce(nullif(warnings, ''), '(none)') as warnings,
        -- of the session that asks: the zone in which it reads the times beside it
        current_setting('TimeZone') as time_zone
    from combined

)

select * from final
