{#- Records what dbt is about to build in the schemas of the runs, so that a run knows its own tables
    from a stranger's (`ops.made_relations`, which the first run makes). What stands there already
    and was recorded by nobody stops dbt before it is replaced. -#}
{% macro record_made_relations() %}
    {%- if execute and target.schema == 'marts' and flags.WHICH in ['run', 'build', 'seed'] -%}
        {%- set record = load_relation(api.Relation.create(
            database=target.dbname, schema='ops', identifier='made_relations', type='table'
        )) -%}
        {%- set made = [] -%}
        {%- for node in graph.nodes.values()
            if node.unique_id in selected_resources
            and (node.resource_type == 'seed'
                or (node.resource_type == 'model' and node.config.materialized != 'ephemeral')) -%}
            {%- do made.append(
                '(' ~ text_literal(node.schema) ~ ', ' ~ text_literal(node.alias) ~ ')'
            ) -%}
        {%- endfor -%}
        {%- if makes_chain_places() -%}
            {%- do made.append(
                '(' ~ text_literal(generate_schema_name('staging', none) | trim) ~ ", 'chain_places()')"
            ) -%}
        {%- endif -%}
        {%- if record is not none and made -%}
            {%- set strangers = run_query(
                "select string_agg(wanted.schema_name || '.' || wanted.relation_name, ', ') "
                ~ 'from (values ' ~ made | join(', ') ~ ') as wanted (schema_name, relation_name) '
                ~ "where to_regclass(format('%I.%I', wanted.schema_name, wanted.relation_name)) "
                ~ 'is not null and not exists (select from ops.made_relations '
                ~ 'where made_relations.schema_name = wanted.schema_name '
                ~ 'and made_relations.relation_name = wanted.relation_name)'
            ).rows[0][0] -%}
            {%- if strangers -%}
                {%- do exceptions.raise_compiler_error(
                    'no run of this project has made ' ~ strangers ~ ', which would be replaced; '
                    ~ 'move it to a schema of its own, or drop it'
                ) -%}
            {%- endif -%}
insert into ops.made_relations values {{ made | join(', ') }} on conflict do nothing
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
