{#- The mart as it is published now, while the next one is being built beside it; where there is no
    such pair, the mart being built. -#}
{% macro published_mart(name) -%}
    {%- set published = none -%}
    {%- if execute and load_relation is defined and target.schema == 'marts'
        and var('marts_schema', 'marts') != 'marts' -%}
        {%- set published = load_relation(
            api.Relation.create(
                database=target.dbname, schema='marts', identifier=name, type='table'
            )
        ) -%}
    {%- endif -%}
    {{ published or ref(name) }}
{%- endmacro %}
