with

extract_runs as (

    select
        run_id,
        scope,
        started_at,
        finished_at
    from {{ source('yandex_tracker', 'extract_runs') }}

),

final as (

    select
        run_id::text as run_id,
        case when jsonb_typeof(scope) = 'array' then scope end as queue_ids,
        started_at,
        finished_at
    from extract_runs

)

select * from final
