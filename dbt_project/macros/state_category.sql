{#- Category of a state: what the seed says of its name, else what the tracker says of the state. -#}
{% macro state_category(state, seed_category, tracker_category) -%}
    case
        when {{ state }} is null then '(none)'
        else coalesce({{ seed_category }}, {{ tracker_category }}, 'in_progress')
    end
{%- endmacro %}
