{#- A table, as dbt makes it: built under a name of its own beside the one that stands, which goes when
    the new one is there. dbt's own does each of these steps through the adapter, whose overhead is
    most of the time of a small build. -#}
{% materialization table, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {%- set next = make_intermediate_relation(table) -%}

    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}

    {% call statement('main') -%}
        {% if load_cached_relation(next) %}drop table if exists {{ next }} cascade;{% endif %}
        {{ get_create_table_as_sql(false, next, sql) }}
    {%- endcall %}
    {% do create_indexes(next) %}
    {% call statement('replace') -%}
        {% if existing %}drop {{ existing.type }} if exists {{ existing }} cascade;{% endif %}
        alter table {{ next }} rename to {{ adapter.quote(table.identifier) }};
        {#- the models after it are planned by what it holds, and autovacuum comes too late -#}
        analyze {{ table }};
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do apply_grants(table, config.get('grants'), should_revoke=should_revoke(existing, true)) %}
    {% do persist_docs(table, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}

    {{ return({'relations': [table]}) }}
{% endmaterialization %}
