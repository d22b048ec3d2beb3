with

statuses as (

    select status
    from {{ ref('stg_yandex_tracker__statuses') }}

),

issue_types as (

    select issue_type
    from {{ ref('stg_yandex_tracker__issue_types') }}

),

final as (

    select
        'state' as role,
        status as value_name
    from statuses

    union

    select
        'type' as role,
        issue_type as value_name
    from issue_types

)

select * from final
