{% test unique_ignoring_case(model, column_name) %}

select
    {{ fold_case(column_name) }} as folded_value,
    count(*) as rows_count
from {{ model }}
where {{ column_name }} is not null
group by folded_value
having count(*) > 1

{% endtest %}
