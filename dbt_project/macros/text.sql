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


{#- The story points that a text spells, with a decimal point or comma and blanks around it, else
    null. `1,000` may be one or a thousand, and is null, too. Six digits before the point keep
    a sum over ten thousand issues inside numeric(12, 2). -#}
{% macro points_of(expression) -%}
    {%- set spelled = "btrim(" ~ expression ~ ", E' \\t\\n\\r\\u00a0\\u2007\\u2009\\u202f')" -%}
    case
        when
            {{ spelled }} ~ '^-?[0-9]{1,6}([.,][0-9]{1,20})?$'
            and {{ spelled }} !~ '^-?[1-9][0-9]{0,2},[0-9]{3}$'
            then replace({{ spelled }}, ',', '.')::numeric
    end
{%- endmacro %}
