with

extract_runs as (

    select
        run_id,
        kind,
        source_url,
        scope,
        window_start,
        window_end,
        counts,
        started_at,
        finished_at
    from {{ source('youtrack', 'extract_runs') }}

),

final as (

    select
        run_id::text,
        kind::text as run_kind,
        source_url::text,
        case when jsonb_typeof(scope) = 'array' then scope end as project_ids,
        {{ moment_of('window_start') }} as window_start_at,
        {{ moment_of('window_end') }} as window_end_at,
        counts,
        started_at,
        finished_at
    from extract_runs

)

select * from final
