{#- Changes of one moment follow each other as a chain: what one removed, an earlier one had added.
    Walking it is a step by step business: with SQL alone every step copies or searches what is
    left, and n of them cost n². Hence a function, which walks any number in linear time. -#}

{#- The function's name, in the schema of the models that call it. -#}
{% macro chain_places() -%}
    {{ generate_schema_name('staging', none) }}.chain_places
{%- endmacro %}


{#- Whether this invocation of dbt builds a model that calls it. -#}
{% macro makes_chain_places() -%}
    {%- set callers = [] -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- for node in graph.nodes.values()
            if node.unique_id in selected_resources and node.resource_type == 'model'
            and 'macro.' ~ project_name ~ '.chain_places' in node.depends_on.macros -%}
            {%- do callers.append(node.unique_id) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(callers | length > 0) }}
{%- endmacro %}


{#- Makes the function before a model that calls it is built, in the schema that dbt has made for
    that model by then. -#}
{% macro make_chain_places() %}
    {%- if makes_chain_places() -%}
-- The place of each change in the chain. The changes stand in the order of their ids, each with the
-- numbers (from 1) of the values that it removed and added.
--
-- Hierholzer's walk: on by the smallest change that removes the present value; where there is none,
-- what was walked last is the end of what is not placed yet, and the walk goes on from before it.
-- Of all chains that begin with the first value and hold every change this is the one that takes
-- the smaller change at every fork. Where there is no such chain, some follow each other: each
-- further one begins with the smallest change that is left.
create or replace function {{ chain_places() }}(
    removed integer [], added integer [], first_value integer
) returns integer []
language plpgsql immutable parallel safe
as $function$
declare
    no_changes constant integer [] := array_fill(null::integer, array[cardinality(removed)]);
    no_values constant integer [] := array_fill(null::integer, array[2 * cardinality(removed)]);
    -- of each value the smallest change that removes it, of each change the next one like it
    exits integer [] := no_values;
    next_exits integer [] := no_changes;
    -- the changes walked and not placed yet, and those placed, from the end of their chain
    walked integer [] := no_changes;
    walked_count integer := 0;
    placed integer [] := no_changes;
    placed_count integer := 0;
    earlier_count integer;
    places integer [] := no_changes;
    present_value integer;
    change integer;
begin
    for change in reverse cardinality(removed)..1 loop
        next_exits[change] := exits[removed[change]];
        exits[removed[change]] := change;
    end loop;

    foreach present_value in array first_value || removed loop
        earlier_count := placed_count;
        loop
            change := exits[present_value];
            if change is not null then
                exits[present_value] := next_exits[change];
                walked_count := walked_count + 1;
                walked[walked_count] := change;
                present_value := added[change];
            else
                exit when walked_count = 0;
                change := walked[walked_count];
                walked_count := walked_count - 1;
                placed_count := placed_count + 1;
                placed[placed_count] := change;
                present_value := removed[change];
            end if;
        end loop;
        for step in earlier_count + 1..placed_count loop
            places[placed[step]] := earlier_count + placed_count + 1 - step;
        end loop;
    end loop;
    return places;
end
$function$
    {%- endif -%}
{% endmacro %}
