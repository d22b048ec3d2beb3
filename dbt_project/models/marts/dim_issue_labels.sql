with

labels as (

    select
        issue_id,
        kind,
        label,
        tracker
    from {{ ref('int_issue_labels') }}

)

select * from labels
