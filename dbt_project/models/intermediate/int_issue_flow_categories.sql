with

state_visits as (

    select
        issue_id,
        state_category,
        entered_at,
        coalesce(left_at, 'infinity') as left_at
    from {{ ref('int_issue_state_visits') }}

),

resolutions as (

    select
        issue_id,
        is_resolved,
        valid_from,
        valid_to
    from {{ ref('int_issue_resolutions') }}

),

-- What lasted no time is passed over: of the changes of one moment the last one counts.
spans as (

    select
        state_visits.issue_id,
        state_visits.state_category,
        resolutions.is_resolved,
        greatest(state_visits.entered_at, resolutions.valid_from) as valid_from,
        least(state_visits.left_at, resolutions.valid_to) as valid_to
    from state_visits
    inner join resolutions on state_visits.issue_id = resolutions.issue_id

),

final as (

    select
        issue_id,
        {{ flow_category('is_resolved', 'state_category') }} as flow_category,
        valid_from,
        valid_to
    from spans
    where valid_from < valid_to

)

select * from final
