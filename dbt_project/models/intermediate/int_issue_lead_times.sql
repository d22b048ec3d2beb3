{{ config(materialized='table', indexes=[{'columns': ['issue_id'], 'unique': true}]) }}

{%- set unit = one_of('lead_time_unit', ['days', 'hours', 'minutes']) -%}
{%- set falls_back = one_of('lead_time_fallback', ['history', 'none']) == 'history' -%}
{%- set minutes_per_day = var('lead_time_minutes_per_day', none) -%}
{%- set days_of_a_number = {
    'days': 'issues.lead_time_number',
    'hours': 'issues.lead_time_number * 60 / ' ~ (minutes_per_day or 1440),
    'minutes': 'issues.lead_time_number / ' ~ (minutes_per_day or 1440)
}[unit] %}

with

issues as (

    select
        tracker,
        issue_id,
        created_at,
        resolved_at,
        state_category,
        lead_time_number,
        lead_time_period_minutes
    from {{ ref('int_issues') }}

),

state_visits as (

    select
        issue_id,
        state_category,
        entered_at
    from {{ ref('int_issue_state_visits') }}

),

work_time_settings as (

    select
        tracker,
        minutes_a_day
    from {{ ref('stg_work_time_settings') }}

),

working_days as (

    select
        tracker,
        max(minutes_a_day) as minutes
    from work_time_settings
    where minutes_a_day > 0
    group by tracker

),

starts as (

    select
        issue_id,
        min(entered_at) as started_at
    from state_visits
    where state_category = 'in_progress'
    group by issue_id

),

field_values as (

    select
        issue_id,
        coalesce(lead_time_period_minutes, lead_time_number) as field_value,
        -- Overflow of a rule that counts in int32, and what no lead time can be.
        coalesce(lead_time_period_minutes, lead_time_number) < 0
        or coalesce(lead_time_period_minutes, lead_time_number) >= 2147483647
            as has_invalid_field_value
    from issues

),

spans as (

    select
        issues.issue_id,
        issues.created_at,
        issues.resolved_at,
        issues.resolved_at is not null and issues.state_category <> 'cancelled' as is_done,
        issues.resolved_at is not null and issues.state_category = 'cancelled' as is_cancelled,
        starts.started_at,
        coalesce(field_values.has_invalid_field_value, false) as has_invalid_field_value,
        case
            when field_values.has_invalid_field_value then null
            when issues.lead_time_period_minutes is not null
                then round(
                    issues.lead_time_period_minutes
                    / coalesce({{ minutes_per_day or 'null' }}, working_days.minutes, 480),
                    2
                )
            else round({{ days_of_a_number }}, 2)
        end as field_days,
        {{ days_between('issues.created_at', 'issues.resolved_at') }} as history_days,
        {{ days_between('starts.started_at', 'issues.resolved_at') }} as cycle_days,
        issues.resolved_at < issues.created_at as is_resolved_before_creation,
        issues.resolved_at < starts.started_at as is_resolved_before_start
    from issues
    inner join field_values on issues.issue_id = field_values.issue_id
    left join working_days on issues.tracker = working_days.tracker
    left join starts on issues.issue_id = starts.issue_id

),

-- Only done issues have a lead time; cancelled ones take part in no metric.
measured as (

    select
        issue_id,
        is_done,
        is_cancelled,
        started_at,
        is_done and has_invalid_field_value as has_invalid_field_value,
        case when is_done then field_days end as field_days,
        case
            when
                {{ falls_back | lower }}
                and is_done
                and field_days is null
                and not is_resolved_before_creation
                then history_days
        end as history_days,
        case when is_done and not is_resolved_before_start then cycle_days end as cycle_days,
        coalesce(
            is_done
            and (
                is_resolved_before_start
                or (
                    {{ falls_back | lower }}
                    and field_days is null
                    and is_resolved_before_creation
                )
            ),
            false
        ) as has_time_error
    from spans

),

final as (

    select
        issue_id,
        is_done,
        is_cancelled,
        started_at,
        coalesce(field_days, history_days)::numeric(12, 2) as lead_time_days,
        case
            when field_days is not null then 'field'
            when history_days is not null then 'history'
            else '(none)'
        end as lead_time_source,
        cycle_days::numeric(12, 2) as cycle_time_days,
        has_invalid_field_value,
        has_time_error
    from measured

)

select * from final
