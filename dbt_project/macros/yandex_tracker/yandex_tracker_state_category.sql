{#- Category of a state, from the type of Tracker's status; null for a type that is none of the five. -#}
{% macro yandex_tracker_state_category(status_type) -%}
    case {{ status_type }}
        when 'new' then 'todo'
        when 'inProgress' then 'in_progress'
        when 'paused' then 'waiting'
        when 'done' then 'done'
        when 'cancelled' then 'cancelled'
    end
{%- endmacro %}
