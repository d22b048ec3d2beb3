{#- Lets the role that DataLens uses (var reader_role) read the marts and nothing else: runs after
    every build, and by hand as `dbt run-operation grant_reader`. What the rights of the connection
    do not allow is printed as SQL for the administrator; it never fails a run. Usage of a schema
    that is not published yet is left to the runner, which grants it when it renames the schema. -#}
{% macro grant_reader() %}
    {%- if execute and target.schema == 'marts'
        and flags.WHICH in ['run', 'build', 'run-operation'] -%}
        {%- set schema = var('marts_schema', 'marts') -%}
        {%- set role = var('reader_role', 'datalens_reader') -%}
        {%- set quoted_role = quoted(role) -%}
        {%- set quoted_schema = quoted(schema) -%}

        {%- if not reader_exists(role) -%}
            {%- do attempt(
                'create role ' ~ quoted_role
                ~ ' login nosuperuser nocreatedb nocreaterole noreplication'
            ) -%}
        {%- endif -%}

        {%- set missing_settings = [] -%}
        {%- if reader_exists(role) -%}
            {%- set connecting = 'grant connect on database ' ~ quoted(target.dbname)
                ~ ' to ' ~ quoted_role -%}
            {%- if not reader_may('CONNECT', role) -%}
                {%- do attempt(connecting) -%}
            {%- endif -%}
            {#- A grant without the right to grant is only a notice. -#}
            {%- if not reader_may('CONNECT', role) -%}
                {%- do missing_settings.append(connecting) -%}
            {%- endif -%}
            {%- if not reader_may('LOG IN', role) -%}
                {%- do missing_settings.append(
                    'alter role ' ~ quoted_role ~ " login valid until 'infinity'"
                ) -%}
            {%- endif -%}

            {%- set grants = ['grant select on all tables in schema ' ~ quoted_schema
                ~ ' to ' ~ quoted_role] -%}
            {%- if schema != 'marts_next' -%}
                {%- do grants.append(
                    'grant usage on schema ' ~ quoted_schema ~ ' to ' ~ quoted_role
                ) -%}
            {%- endif -%}
            {%- for statement in grants -%}
                {%- do attempt(statement) -%}
            {%- endfor -%}

            {%- for statement in reader_settings(role) -%}
                {%- if not attempt(statement) -%}
                    {%- do missing_settings.append(statement) -%}
                {%- endif -%}
            {%- endfor -%}
            {%- if missing_settings -%}
                {%- do exceptions.warn(
                    'The role ' ~ quoted_role ~ ' could not be set up. Ask an administrator of the '
                    ~ 'database to run: ' ~ missing_settings | join('; ') ~ ';'
                ) -%}
            {%- endif -%}
        {%- else -%}
            {%- do exceptions.warn(
                'The role ' ~ quoted_role ~ ', with which DataLens reads the marts, does not exist '
                ~ 'and may not be created. Ask an administrator of the database to run: create role '
                ~ quoted_role ~ ' login; ' ~ reader_settings(role, all=true) | join('; ')
                ~ '; grant connect on database ' ~ quoted(target.dbname) ~ ' to ' ~ quoted_role ~ ';'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro reader_exists(role) %}
    {%- set found = run_query(
        'select 1 from pg_roles where rolname = ' ~ text_literal(role)
    ) -%}
    {{ return(found.rows | length > 0) }}
{% endmacro %}


{#- Whether the role may use this database at all (`CONNECT`), or any (`LOG IN`). -#}
{% macro reader_may(what, role) %}
    {%- set found = run_query(
        'select 1 from pg_roles where rolname = ' ~ text_literal(role) ~ ' and '
        ~ ("rolcanlogin and coalesce(rolvaliduntil > now(), true)" if what == 'LOG IN'
            else "has_database_privilege(oid, current_database(), 'CONNECT')")
    ) -%}
    {{ return(found.rows | length > 0) }}
{% endmacro %}


{#- The statements that are still needed for the role's sessions in this database: local time, no
    writing, no query that runs for ever. -#}
{% macro reader_settings(role, all=false) %}
    {%- set wanted = {
        'TimeZone': var('timezone', 'UTC'),
        'default_transaction_read_only': 'on',
        'statement_timeout': '60s'
    } -%}
    {%- set present = [] -%}
    {%- if not all -%}
        {%- set settings = run_query(
            'select unnest(setconfig) from pg_db_role_setting'
            ~ ' where setrole = (select oid from pg_roles where rolname = '
            ~ text_literal(role) ~ ')'
            ~ ' and setdatabase = (select oid from pg_database where datname = current_database())'
        ) -%}
        {%- for row in settings.rows -%}
            {%- do present.append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set statements = [] -%}
    {%- for name, value in wanted.items() -%}
        {%- if (name ~ '=' ~ value) not in present -%}
            {%- do statements.append(
                'alter role ' ~ quoted(role) ~ ' in database '
                ~ quoted(target.dbname) ~ ' set ' ~ name ~ ' = ' ~ text_literal(value)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}


{#- A name as an SQL identifier; adapter.quote leaves quotes inside it as they are. -#}
{% macro quoted(name) -%}
    "{{ name | replace('"', '""') }}"
{%- endmacro %}


{#- Runs a statement; false, and nothing else, when it fails. -#}
{% macro attempt(statement) %}
    {%- set block -%}
do $attempt$
begin
    execute {{ text_literal(statement) }};
    perform set_config('lead_time.attempt', 'done', false);
exception when others then
    perform set_config('lead_time.attempt', 'failed', false);
end
$attempt$
    {%- endset -%}
    {%- do run_query(block) -%}
    {%- set outcome = run_query("select current_setting('lead_time.attempt')") -%}
    {{ return(outcome.rows[0][0] == 'done') }}
{% endmacro %}
