{#- Where an issue stands: resolved or not, and by the category of its state. -#}
{% macro flow_category(is_resolved, state_category) -%}
    case
        when {{ is_resolved }} and {{ state_category }} = 'cancelled' then 'cancelled'
        when {{ is_resolved }} then 'done'
        when {{ state_category }} in ('done', 'cancelled') then 'waiting'
        when {{ state_category }} = '(none)' then 'todo'
        else {{ state_category }}
    end
{%- endmacro %}
