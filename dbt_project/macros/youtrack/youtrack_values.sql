{#- YouTrack sends a value as an array of objects, one object, a bare scalar, or nothing. These
    macros read the jsonb of any of them. -#}

{#- The value as an array, empty where there is none. -#}
{% macro youtrack_list(value) -%}
    case
        when {{ value }} is null then '[]'::jsonb
        when jsonb_typeof({{ value }}) = 'array' then {{ value }}
        else jsonb_build_array({{ value }})
    end
{%- endmacro %}


{#- What an element of the array reads as: a name, a login, a text, else the scalar itself. -#}
{% macro youtrack_element_text(element) -%}
    case jsonb_typeof({{ element }})
        when 'object'
            then coalesce({{ element }} ->> 'name', {{ element }} ->> 'login', {{ element }} ->> 'text')
        else {{ element }} #>> '{}'
    end
{%- endmacro %}


{#- The value as a text, several elements joined by commas; null where there is none. -#}
{% macro youtrack_text(value) -%}
    case
        when jsonb_typeof({{ value }}) <> 'array' then {{ youtrack_element_text(value) }}
        when jsonb_array_length({{ value }}) = 1 then {{ youtrack_element_text(value ~ ' -> 0') }}
        else (
            select string_agg({{ youtrack_element_text('element') }}, ', ' order by place)
            from jsonb_array_elements({{ value }}) with ordinality as elements (element, place)
        )
    end
{%- endmacro %}


{#- A number field's value. -#}
{% macro youtrack_number(value) -%}
    case when jsonb_typeof({{ value }}) = 'number' then ({{ value }})::numeric end
{%- endmacro %}


{#- A period's minutes: an object on an issue, a bare number in its history. Its presentation and
    its ISO id depend on the length of the working day, and are never read. -#}
{% macro youtrack_minutes(value) -%}
    case
        when jsonb_typeof({{ value }} -> 'minutes') = 'number' then ({{ value }} -> 'minutes')::numeric
    end
{%- endmacro %}


{#- The moment in a field of type date (12:00 UTC of the day) or date and time. -#}
{% macro youtrack_moment(value, value_type) -%}
    case
        when {{ value_type }} in ('date', 'date and time') and jsonb_typeof({{ value }}) = 'number'
            then {{ moment_of(value) }}
    end
{%- endmacro %}


{#- Several values as one text, in the order of the field's bundle, so that one set has one name in
    whatever order it was put together; values of no bundle after them, by name. -#}
{% macro joined_values(text, ordinal) -%}
    string_agg({{ text }}, ', ' order by {{ ordinal }} asc nulls last, {{ text }} collate "C" asc)
{%- endmacro %}
