{#- Category of a state: what the seed says of its name, else what the tracker says of the state. -#}
{% macro state_category(state, seed_category, is_resolved, is_initial) -%}
    case
        when {{ state }} is null then '(none)'
        when {{ seed_category }} is not null then {{ seed_category }}
        when {{ is_resolved }} then 'done'
        when {{ is_initial }} then 'todo'
        else 'in_progress'
    end
{%- endmacro %}
