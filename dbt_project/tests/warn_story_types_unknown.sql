{{ config(severity='warn') }}

{%- set named = var('story_types', []) or [] -%}
{%- set named = [named] if named is string else named %}

-- A misspelt type is nobody's story. Types of the past count too, since sprints go by them; the
-- names that ship with the project are for every tracker.
with

types as (

    select issue_type from {{ ref('int_issues') }}

    union

    select issue_type from {{ ref('int_sprint_issues') }}

    union

    select value_name as issue_type
    from {{ ref('stg_role_values') }}
    where role = 'type'

    union

    select issue_type
    from {{ unnested(shipped_story_types()) }} as shipped (issue_type)

)

select
    'The var story_types names "' || story_types.issue_type
    || '", which no project and no issue has as its type' as message
from {{ unnested(named) }} as story_types (issue_type)
where
    not exists (
        select 1
        from types
        where {{ fold_case('types.issue_type') }} = {{ fold_case('story_types.issue_type') }}
    )
