{{ config(severity='warn') }}

-- A rule of the tracker and the history may not measure the same span.
with

sources as (

    select
        count(*) filter (where lead_time_source = 'field') as from_field,
        count(*) filter (where lead_time_source = 'history') as from_history,
        count(*) as measured
    from {{ ref('fct_issues') }}
    where lead_time_source in ('field', 'history')

)

select
    'Lead time comes from the field for ' || from_field || ' issues ('
    || round(100.0 * from_field / measured) || ' %) and from the history for ' || from_history
    || ' (' || round(100.0 * from_history / measured)
    || ' %); the two may not measure the same span' as message
from sources
where
    from_field > 0
    and from_history > 0
