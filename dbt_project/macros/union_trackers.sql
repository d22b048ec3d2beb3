{#- The rows of stg_<tracker>__<name> of all trackers in the var trackers, each with the name of its
    tracker. With one tracker PostgreSQL sees through it to that tracker's table. -#}
{% macro union_trackers(name, columns) -%}
    {%- for tracker in var('trackers') -%}
select
    {{ text_literal(tracker) }}::text as tracker,
    {{ columns | join(',\n    ') }}
from {{ ref('stg_' ~ tracker ~ '__' ~ name) }}
        {%- if not loop.last %}

union all

        {% endif -%}
    {%- endfor -%}
{%- endmacro %}
