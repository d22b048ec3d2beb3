with

issues as (

    select
        issue_id,
        team,
        issue_type,
        is_story,
        state_category,
        is_resolved
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)
        and created_at <= {{ as_of() }}

),

flow_categories as (

    select
        issue_id,
        flow_category,
        {{ reporting_date('valid_from') }} as from_date,
        {{ reporting_date('valid_to') }} as to_date
    from {{ ref('int_issue_flow_categories') }}

),

today as (

    select {{ reporting_date(as_of()) }} as date

),

-- What lasts to the end of a day, with the first such day. Of today the present tells, also where
-- the history does not lead to it.
standings as (

    select
        flow_categories.issue_id,
        flow_categories.flow_category,
        flow_categories.from_date as date
    from flow_categories
    cross join today
    where
        flow_categories.from_date < flow_categories.to_date
        and flow_categories.from_date < today.date

    union all

    select
        issues.issue_id,
        {{ flow_category('issues.is_resolved', 'issues.state_category') }} as flow_category,
        today.date
    from issues
    cross join today

),

changes as (

    select
        issue_id,
        date,
        flow_category,
        lag(flow_category) over (partition by issue_id order by date) as previous_category
    from standings

),

moves as (

    select
        issue_id,
        date,
        flow_category,
        1 as entered,
        0 as departed
    from changes
    where flow_category is distinct from previous_category

    union all

    select
        issue_id,
        date,
        previous_category as flow_category,
        0 as entered,
        1 as departed
    from changes
    where flow_category <> previous_category

),

days_with_moves as (

    select
        moves.date,
        issues.team,
        issues.issue_type,
        issues.is_story,
        moves.flow_category,
        sum(moves.entered)::integer as entered_count,
        sum(moves.departed)::integer as left_count
    from moves
    inner join issues on moves.issue_id = issues.issue_id
    group by
        moves.date,
        issues.team,
        issues.issue_type,
        issues.is_story,
        moves.flow_category

),

levels as (

    select
        days_with_moves.*,
        (sum(entered_count - left_count) over in_order)::integer as issues_count,
        lead(date) over in_order as next_date
    from days_with_moves
    window in_order as (partition by team, issue_type, flow_category order by date)

),

-- A level stands until the next move; where nothing is left, only the day of the move has a row.
final as (

    select
        levels.date + days.number as date,
        levels.team,
        levels.issue_type,
        levels.flow_category,
        levels.issues_count,
        case when days.number = 0 then levels.entered_count else 0 end as entered_count,
        case when days.number = 0 then levels.left_count else 0 end as left_count,
        levels.is_story
    from levels
    cross join today
    cross join lateral generate_series(
        0,
        case
            when levels.issues_count = 0 then 0
            else coalesce(levels.next_date - 1, today.date) - levels.date
        end
    ) as days (number)

)

select * from final
