{#- A moment of Zabbix: seconds, and nanoseconds beside them, exact to the microsecond. -#}
{% macro zabbix_moment(row) -%}
    (to_timestamp({{ row }}.clock) + {{ row }}.ns / 1000 * interval '1 microsecond')
{%- endmacro %}


{#- The service that tags name; the first one of several, null without one. -#}
{% macro zabbix_service(tags) -%}
    nullif(
        jsonb_path_query_first({{ tags }}, '$[*] ? (@.tag == "service").value') #>> '{}', ''
    )
{%- endmacro %}


{#- Whether an acknowledgement does what a bit of its action says. -#}
{% macro zabbix_has_bit(bit) -%}
    action & {{ bit }} <> 0
{%- endmacro %}
