{#- True for a queue that the last extraction was asked for; without a list, all queues are. -#}
{% macro yandex_tracker_in_scope(queue_id) -%}
    coalesce(
        (
            select queue_ids
            from {{ ref('stg_yandex_tracker__extract_runs') }}
            order by started_at desc nulls last, finished_at desc nulls last
            limit 1
        ) ? {{ queue_id }},
        true
    )
{%- endmacro %}
