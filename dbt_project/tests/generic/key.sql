{% test key(model, columns, not_null=[]) %}

-- one reading of the model, which may be a costly view, for all of it
select
    {{ columns | join(', ') }},
    count(*) as rows_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    or num_nulls({{ columns | join(', ') }}) > 0
    {% for column in not_null %}
    or bool_or({{ column }} is null)
    {% endfor %}

{% endtest %}
