{#- Schemas are fixed (staging, intermediate, marts, seeds) where the target's schema is `marts`;
    any other target schema is a developer's prefix, so that nobody builds over the others. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.schema == 'marts' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
