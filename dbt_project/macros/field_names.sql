{#- Default field names by role: candidates tried in order in each project. The only place that
    holds them; the vars <role>_field replace them. -#}
{% macro default_field_names() %}
    {{ return({
        'team': ['Team', 'Команда'],
        'type': ['Type', 'Тип'],
        'lead_time': ['LeadTime', 'Lead time'],
        'story_points': ['Story points', 'Story Points'],
        'assignee': ['Assignee', 'Исполнитель'],
        'priority': ['Priority', 'Приоритет'],
        'due_date': ['Deadline', 'Due Date', 'Дедлайн', 'Срок'],
        'state': [],
        'sprint': []
    }) }}
{% endmacro %}


{#- The names that somebody set for a role, as a list; empty when nobody did. -#}
{% macro configured_field_names(role) %}
    {%- set value = var(role ~ '_field', none) -%}
    {%- if not value -%}
        {{ return([]) }}
    {%- elif value is string -%}
        {{ return([value]) }}
    {%- else -%}
        {{ return(value | list) }}
    {%- endif -%}
{% endmacro %}


{#- Rows of every candidate: role, field_name, preference, is_configured. -#}
{% macro field_name_candidates() %}
    {%- set rows = [] -%}
    {%- for role, defaults in default_field_names().items() -%}
        {%- set configured = configured_field_names(role) -%}
        {%- for name in configured or defaults -%}
            {%- do rows.append(
                '(' ~ [
                    text_literal(role), text_literal(name), loop.index,
                    'true' if configured else 'false'
                ] | join(', ') ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    select
        role,
        field_name,
        preference,
        is_configured
    from (
        values
        {{ rows | join(',\n        ') }}
    ) as candidates (role, field_name, preference, is_configured)
{% endmacro %}
