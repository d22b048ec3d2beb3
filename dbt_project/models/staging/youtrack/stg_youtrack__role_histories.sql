{{ config(materialized='table') }}

with

candidates as (

    {{ field_name_candidates() | indent(4) }}

),

custom_fields as (

    select
        project_field_id,
        project_id,
        field_id,
        field_name,
        localized_field_name,
        value_type,
        is_multi_value,
        ordinal,
        first_seen_at,
        seen_at,
        is_detached
    from {{ ref('stg_youtrack__custom_fields') }}
    where {{ youtrack_in_scope('project_id') }}

),

-- A field that was detached and attached again is one field. When it was attached, the runs saw.
project_fields as (

    select distinct on (project_id, field_id)
        project_field_id,
        project_id,
        field_id,
        field_name,
        localized_field_name,
        value_type,
        is_multi_value,
        ordinal,
        is_detached,
        tstzrange(
            min(coalesce(first_seen_at, '-infinity')) over one_field,
            max(
                case
                    when is_detached then greatest(seen_at, first_seen_at)
                    else 'infinity'
                end
            ) over one_field
        ) as attached_during
    from custom_fields
    window one_field as (partition by project_id, field_id)
    order by
        project_id asc,
        field_id asc,
        is_detached asc,
        seen_at desc,
        {{ id_order('project_field_id') }} asc

),

named as (

    select
        candidates.role,
        project_fields.*,
        row_number() over (
            partition by candidates.role, project_fields.project_id
            order by
                candidates.preference,
                coalesce(candidates.field_name = project_fields.field_name, false) desc,
                coalesce(candidates.field_name = project_fields.localized_field_name, false) desc,
                project_fields.ordinal,
                {{ id_order('project_fields.project_field_id') }}
        ) as preference
    from candidates
    inner join project_fields
        on
            {{ fold_case('candidates.field_name') }}
            in (
                {{ fold_case('project_fields.field_name') }},
                {{ fold_case('project_fields.localized_field_name') }}
            )

),

-- Without a name, the state field is the project's only field of type state. Of those that were
-- there at the same time, it was the one that stayed.
state_fields as (

    select
        'state' as role,
        project_fields.*,
        row_number() over (
            partition by project_id
            order by
                is_detached asc,
                upper(attached_during) desc,
                {{ id_order('project_field_id') }} asc
        ) as preference,
        count(*) filter (where not is_detached) over (partition by project_id) as present_fields
    from project_fields
    where
        value_type = 'state'
        and 'state' not in (select candidates.role from candidates)

),

ranked as (

    select
        role,
        project_id,
        field_id,
        preference
    from named

    union all

    select
        role,
        project_id,
        field_id,
        preference
    from state_fields
    where present_fields <= 1

),

-- A field may bear several of the names.
role_fields as (

    select
        ranked.role,
        ranked.preference,
        project_fields.*
    from (
        select
            role,
            project_id,
            field_id,
            min(preference) as preference
        from ranked
        group by role, project_id, field_id
    ) as ranked
    inner join project_fields
        on
            ranked.project_id = project_fields.project_id
            and ranked.field_id = project_fields.field_id

),

-- At any time the first of the candidates that were attached plays the role. A field's own changes
-- prove that it was attached, so that only a better one takes the role from it.
histories as (

    select
        role_fields.role,
        role_fields.project_id,
        role_fields.field_id,
        role_fields.preference,
        '{[-infinity, infinity)}'::tstzmultirange - coalesce(
            range_agg(better_fields.attached_during)
            filter (where better_fields.field_id is not null),
            '{}'
        ) as played_during
    from role_fields
    left join role_fields as better_fields
        on
            role_fields.role = better_fields.role
            and role_fields.project_id = better_fields.project_id
            and role_fields.preference > better_fields.preference
    group by
        role_fields.role, role_fields.project_id, role_fields.field_id, role_fields.preference

),

final as (

    select
        role_fields.role,
        role_fields.project_id,
        role_fields.project_field_id,
        role_fields.field_id,
        role_fields.field_name,
        role_fields.value_type,
        role_fields.is_multi_value,
        histories.played_during,
        upper(histories.played_during) = 'infinity' and not role_fields.is_detached as is_present
    from role_fields
    inner join histories
        on
            role_fields.role = histories.role
            and role_fields.project_id = histories.project_id
            and role_fields.field_id = histories.field_id
    where not isempty(histories.played_during)

)

select * from final
