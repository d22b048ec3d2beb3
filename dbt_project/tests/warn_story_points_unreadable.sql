{{ config(severity='warn') }}

-- Estimates are often words, or several values; what spells no number leaves the issue without
-- points. The values of the field's history count too: a sprint takes the points as they stood.
with

estimates as (

    select
        issue_id,
        estimate
    from {{ ref('stg_issue_snapshots') }}

    union

    select
        issue_id,
        value as estimate
    from {{ ref('int_issue_attribute_intervals') }}
    where attribute = 'story_points'

)

select
    'The estimate "' || estimates.estimate || '" (issues: ' || count(distinct estimates.issue_id)
    || ') is no number of story points and gives none' as message
from estimates
inner join {{ ref('int_issues') }} as issues on estimates.issue_id = issues.issue_id
where estimates.estimate is not null and {{ points_of('estimates.estimate') }} is null
group by estimates.estimate
