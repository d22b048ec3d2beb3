-- Status and sprint are Tracker's own; so are type, assignee, priority and story points, unless a
-- var names another field.
with

candidates as (

    {{ field_name_candidates() | indent(4) }}

),

queues as (

    select queue_id
    from {{ ref('stg_yandex_tracker__queues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

fields as (

    select
        project_id,
        field_id,
        field_name,
        localized_field_name,
        is_local
    from {{ ref('stg_yandex_tracker__fields') }}
    where not is_detached

),

ranked as (

    select
        candidates.role,
        fields.project_id,
        fields.field_id,
        fields.is_local,
        candidates.preference
    from candidates
    inner join fields
        on
            {{ fold_case('candidates.field_name') }}
            in (
                {{ fold_case('fields.field_name') }},
                {{ fold_case('fields.localized_field_name') }},
                {{ fold_case('fields.field_id') }}
            )
    where
        candidates.role in ('team', 'lead_time')
        -- Tracker has a due date of its own; a queue's field of such a name may hold anything
        or (candidates.role = 'due_date' and not fields.is_local)
        or (candidates.is_configured and candidates.role not in ('state', 'sprint'))

    union all

    select
        built_in.role,
        queues.queue_id as project_id,
        built_in.field_id,
        false as is_local,
        null as preference
    from queues
    cross join (
        values
        ('state', 'status'),
        ('sprint', 'sprint'),
        ('type', 'type'),
        ('assignee', 'assignee'),
        ('priority', 'priority'),
        ('story_points', 'storyPoints')
    ) as built_in (role, field_id)

),

-- A field of all queues is one of each, used there or not: the queue's own goes before it.
final as (

    select distinct on (role, project_id)
        role,
        project_id,
        field_id
    from ranked
    order by
        role asc,
        project_id asc,
        is_local desc,
        preference asc nulls last,
        field_id asc

)

select * from final
