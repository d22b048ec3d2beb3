{#- Whether an issue type is one of the var story_types; never null. -#}
{% macro is_story(issue_type) -%}
    {%- set types = var('story_types', []) -%}
    {%- set types = [types] if types is string else types -%}
    {%- if types -%}
    coalesce(
        {{ fold_case(issue_type) }} in (
            {%- for type in types %}
            {{ fold_case(text_literal(type)) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ),
        false
    )
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}
