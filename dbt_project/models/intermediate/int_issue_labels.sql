with

labels as (

    select
        tracker,
        issue_id,
        kind,
        btrim(label) as label
    from {{ ref('stg_issue_labels') }}

),

final as (

    select distinct
        tracker,
        issue_id,
        kind,
        label
    from labels
    where label <> ''

)

select * from final
