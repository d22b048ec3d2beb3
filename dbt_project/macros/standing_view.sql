{#- A view that stays where it is when it is built again. dbt's own kind of view makes a new one and
    drops the old, and with it whatever reads it: the view of open incidents, which people look at
    while a run is at work. Only one with other columns has to be dropped. -#}
{% materialization standing_view, adapter='postgres' %}
    {%- set view = this.incorporate(type='view') -%}

    {{ run_hooks(pre_hooks) }}

    {% call statement('main') -%}
do $standing_view$
begin
    create or replace view {{ view }} as (
        {{ sql }}
    );
exception when invalid_table_definition then
    drop view {{ view }} cascade;
    create view {{ view }} as (
        {{ sql }}
    );
end
$standing_view$
    {%- endcall %}

    {{ run_hooks(post_hooks) }}

    {% do adapter.commit() %}

    {{ return({'relations': [view]}) }}
{% endmaterialization %}
