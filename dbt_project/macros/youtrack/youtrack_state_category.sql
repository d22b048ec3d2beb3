{#- What YouTrack says of a state: its bundle marks the resolved ones, and issues begin in one. -#}
{% macro youtrack_state_category(is_resolved, is_initial) -%}
    case when {{ is_resolved }} then 'done' when {{ is_initial }} then 'todo' else 'in_progress' end
{%- endmacro %}
