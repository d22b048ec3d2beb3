{{ config(severity='warn') }}

-- Estimates are often words; what spells no number leaves the issue without points. The values of
-- the field's history count too: a sprint takes the points as they stood.
with

spelled as (

    select
        issue_values.issue_id,
        coalesce(field_values.value_name, issue_values.value_text) as value
    from {{ ref('stg_youtrack__issue_values') }} as issue_values
    inner join {{ ref('stg_youtrack__field_roles') }} as field_roles
        on
            issue_values.project_id = field_roles.project_id
            and issue_values.field_id = field_roles.field_id
            and field_roles.role = 'story_points'
    left join {{ ref('stg_youtrack__field_values') }} as field_values
        on
            issue_values.project_id = field_values.project_id
            and issue_values.field_id = field_values.field_id
            and issue_values.value_id = field_values.value_id

    union

    select
        issue_id,
        value
    from {{ ref('int_issue_attribute_intervals') }}
    where attribute = 'story_points'

)

select
    'The estimate "' || spelled.value || '" (issues: ' || count(distinct spelled.issue_id)
    || ') is no number and gives no story points' as message
from spelled
inner join {{ ref('int_issues') }} as issues on spelled.issue_id = issues.issue_id
where spelled.value is not null and {{ number_of('spelled.value') }} is null
group by spelled.value
