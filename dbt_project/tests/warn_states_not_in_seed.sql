{{ config(severity='warn') }}

-- The tracker's own word decides the category of such a state, be it misspelt in the seed or new.
select
    'state_categories.csv does not name the state "' || issues.state || '" (issues: '
    || count(*) || '), which counts as ' || issues.state_category as message
from {{ ref('int_issues') }} as issues
where
    issues.state is not null
    and not exists (
        select 1
        from {{ ref('state_categories') }} as state_categories
        where {{ fold_case('state_categories.state') }} = {{ fold_case('issues.state') }}
    )
group by issues.state, issues.state_category
