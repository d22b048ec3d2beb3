{#- A view, as dbt makes it, in one statement: see table.sql. -#}
{% materialization view, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set view = this.incorporate(type='view') -%}

    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks, inside_transaction=true) }}

    {% call statement('main') -%}
        {% if existing %}drop {{ existing.type }} if exists {{ existing }} cascade;{% endif %}
        {{ get_create_view_as_sql(view, sql) }}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=true) }}
    {% do apply_grants(view, config.get('grants'), should_revoke=should_revoke(existing, true)) %}
    {% do persist_docs(view, model) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=false) }}

    {{ return({'relations': [view]}) }}
{% endmaterialization %}
