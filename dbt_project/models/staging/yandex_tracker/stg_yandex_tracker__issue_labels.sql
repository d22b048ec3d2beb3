with

issues as (

    select
        issue_id,
        former_keys,
        field_values -> 'tags' as tags,
        field_values -> 'components' as components,
        -- one reference, or one among others
        coalesce(field_values #> '{project,primary}', field_values -> 'project') as project,
        field_values #> '{project,secondary}' as second_projects
    from {{ ref('stg_yandex_tracker__issues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

labelled as (

    {% for kind, elements in [
        ('tag', yandex_tracker_list('issues.tags')),
        ('component', yandex_tracker_list('issues.components')),
        ('project', yandex_tracker_list('issues.project')),
        ('project', yandex_tracker_list('issues.second_projects')),
        ('former_key', 'issues.former_keys')
    ] %}
        select
            issues.issue_id,
            '{{ kind }}' as kind,
            element
        from issues
        cross join lateral jsonb_array_elements({{ elements }}) as element
        {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select
        issue_id,
        kind,
        {{ yandex_tracker_element_text('element') }} as label
    from labelled

)

select * from final
