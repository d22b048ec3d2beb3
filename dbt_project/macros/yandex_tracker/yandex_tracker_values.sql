{#- Tracker sends a value as a reference with id, key and display, an array of them, a text, a
    number, or nothing. These macros read the jsonb of any of them. -#}

{#- The value as an array, empty where there is none. -#}
{% macro yandex_tracker_list(value) -%}
    case
        when {{ value }} is null or jsonb_typeof({{ value }}) = 'null' then '[]'::jsonb
        when jsonb_typeof({{ value }}) = 'array' then {{ value }}
        else jsonb_build_array({{ value }})
    end
{%- endmacro %}


{#- What one reference or scalar reads as. A person is an id alone. -#}
{% macro yandex_tracker_element_text(element) -%}
    case jsonb_typeof({{ element }})
        when 'object'
            then coalesce(
                {{ element }} ->> 'display', {{ element }} ->> 'key', {{ element }} ->> 'id'
            )
        else nullif({{ element }} #>> '{}', '')
    end
{%- endmacro %}


{#- The value as a text, several elements joined by commas in the order of their names; null where
    there is none. -#}
{% macro yandex_tracker_text(value) -%}
    case
        when jsonb_typeof({{ value }}) <> 'array' then {{ yandex_tracker_element_text(value) }}
        else (
            select
                string_agg(
                    {{ yandex_tracker_element_text('element') }}, ', '
                    order by {{ yandex_tracker_element_text('element') }} collate "C"
                )
            from jsonb_array_elements({{ value }}) as element
        )
    end
{%- endmacro %}


{#- A moment as Tracker sends it, 2017-06-11T05:16:01.339+0000. -#}
{% macro yandex_tracker_moment(text) -%}
    ({{ text }})::timestamptz
{%- endmacro %}


{#- A day as Tracker sends it, 2026-06-30; null for any other text. -#}
{% macro yandex_tracker_day(value) -%}
    (
        jsonb_path_query_first(
            {{ value }}, '$.datetime("YYYY-MM-DD")', silent => true
        ) #>> '{}'
    )::date
{%- endmacro %}


{#- The minutes of a duration, P1W2DT3H30M: working time, of which a day has minutes_a_day and a
    week five days. -#}
{% macro yandex_tracker_minutes(value, minutes_a_day=480) -%}
    (
        select
            coalesce(parts[1]::numeric, 0) * 5 * {{ minutes_a_day }}
            + coalesce(parts[2]::numeric, 0) * {{ minutes_a_day }}
            + coalesce(parts[3]::numeric, 0) * 60
            + coalesce(parts[4]::numeric, 0)
        from regexp_match(
            case when jsonb_typeof({{ value }}) = 'string' then {{ value }} #>> '{}' end,
            '^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:[\d.]+S)?)?$'
        ) as parts
        where parts is not null
    )
{%- endmacro %}


{#- A moment as epoch milliseconds in a text, as the neutral layer tells a resolution. -#}
{% macro yandex_tracker_milliseconds(moment) -%}
    (extract(epoch from {{ moment }}) * 1000)::bigint::text
{%- endmacro %}
