{#- The value of a var that may be one of a few words; the first of them is its default. -#}
{% macro one_of(name, words) -%}
    {%- set value = var(name, words[0]) -%}
    {%- if value not in words and exceptions is defined -%}
        {{ exceptions.raise_compiler_error(
            "The var " ~ name ~ " is '" ~ value ~ "'; it may be " ~ words | join(" or ") ~ "."
        ) }}
    {%- endif -%}
    {{ value if value in words else words[0] }}
{%- endmacro %}
