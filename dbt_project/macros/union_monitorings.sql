{#- The rows of stg_<monitoring>__<name> of all monitorings in the var monitorings, each with the
    name of its monitoring. -#}
{% macro union_monitorings(name, columns) -%}
    {%- for monitoring in var('monitorings') -%}
select
    {{ text_literal(monitoring) }}::text as source,
    {{ columns | join(',\n    ') }}
from {{ ref('stg_' ~ monitoring ~ '__' ~ name) }}
        {%- if not loop.last %}

union all

        {% endif -%}
    {%- endfor -%}
{%- endmacro %}
