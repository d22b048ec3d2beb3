{#- True for a project that the last extraction was asked for; without a list, all projects are. -#}
{% macro youtrack_in_scope(project_id) -%}
    coalesce(
        (
            select project_ids
            from {{ ref('stg_youtrack__extract_runs') }}
            order by started_at desc nulls last, finished_at desc nulls last
            limit 1
        ) ? {{ project_id }},
        true
    )
{%- endmacro %}
