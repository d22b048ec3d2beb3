{#- A value as an SQL text literal. -#}
{% macro text_literal(value) -%}
    '{{ value | string | replace("'", "''") }}'
{%- endmacro %}


{#- Folds a name's case for comparison. lower() alone depends on the database's locale: under C it
    leaves Cyrillic as it is, under tr_TR it turns I into a dotless i. -#}
{% macro fold_case(expression) -%}
    translate(
        lower({{ expression }} collate "C"),
        'АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЀЂЃЄЅІЇЈЉЊЋЌЍЎЏҐ'
        || 'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ',
        'абвгдеёжзийклмнопрстуфхцчшщъыьэюяѐђѓєѕіїјљњћќѝўџґ'
        || 'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ'
    )
{%- endmacro %}


{#- The order of tracker ids such as 2-123 or 0-0.91-5452: as numbers, part by part. -#}
{% macro id_order(expression) -%}
    string_to_array(
        trim(both '-' from regexp_replace({{ expression }}, '[^0-9]+', '-', 'g')), '-'
    )::numeric []
{%- endmacro %}


{#- The number that a text spells, with a decimal point or comma, else null. Nine digits before it
    keep every measure inside numeric(12, 2) and integer. -#}
{% macro number_of(expression) -%}
    case
        when {{ expression }} ~ '^-?[0-9]{1,9}([.,][0-9]+)?$'
            then replace({{ expression }}, ',', '.')::numeric
    end
{%- endmacro %}
