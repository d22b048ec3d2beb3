-- Status and sprint are Tracker's own. Type, assignee and story points are, unless a queue has
-- another field of a name that is looked for.
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
        localized_field_name
    from {{ ref('stg_yandex_tracker__fields') }}
    where not is_detached

),

ranked as (

    select
        candidates.role,
        fields.project_id,
        fields.field_id,
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
    where candidates.role not in ('state', 'sprint')

    union all

    select
        built_in.role,
        queues.queue_id as project_id,
        built_in.field_id,
        1000 as preference
    from queues
    cross join (
        values
        ('state', 'status'),
        ('sprint', 'sprint'),
        ('type', 'type'),
        ('assignee', 'assignee'),
        ('story_points', 'storyPoints')
    ) as built_in (role, field_id)

),

-- Of two fields of one name the queue's own goes before the one that all have.
final as (

    select distinct on (role, project_id)
        role,
        project_id,
        field_id
    from ranked
    order by
        role asc,
        project_id asc,
        preference asc,
        (field_id like '%--%') desc,
        field_id asc

)

select * from final
