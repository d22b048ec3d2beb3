{{ config(materialized='table') }}

-- Which queues a board shows stands in its filter alone: as keys or references, or in a query.
with

boards as (

    select
        board_id,
        filter,
        auto_filter_settings,
        query
    from {{ ref('stg_yandex_tracker__boards') }}

),

queues as (

    select
        queue_id,
        queue_key
    from {{ ref('stg_yandex_tracker__queues') }}

),

listed as (

    select
        boards.board_id,
        {{ yandex_tracker_list('found.queue') }} as queue_names
    from boards
    cross join lateral (
        select jsonb_path_query(boards.filter, 'lax $.**.queue') as queue
        union all
        select jsonb_path_query(boards.auto_filter_settings, 'lax $.**.queue') as queue
    ) as found

),

-- A query that leaves queues out does not say which it shows.
final as (

    select distinct
        listed.board_id,
        queues.queue_id as project_id,
        null::timestamptz as missed_at
    from listed
    cross join lateral jsonb_array_elements(listed.queue_names) as queue_name
    inner join queues
        on
            queue_name ->> 'id' = queues.queue_id
            or queue_name ->> 'key' = queues.queue_key
            or queue_name #>> '{}' in (queues.queue_id, queues.queue_key)

    union

    select
        boards.board_id,
        queues.queue_id as project_id,
        null::timestamptz as missed_at
    from boards
    inner join queues
        on
            upper(boards.query) ~ ('(^|[^A-Z0-9])' || queues.queue_key || '($|[^A-Z0-9])')
            and boards.query not like '%!%'

)

select * from final
