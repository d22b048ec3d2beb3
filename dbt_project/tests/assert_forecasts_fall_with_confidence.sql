-- The surer, the less; the more weeks, the more. What is open is the likelier done, the later; and
-- everybody together has open what the teams have.
with

forecasts as (

    select
        team,
        weeks_ahead,
        done_p50,
        done_p70,
        done_p85,
        done_p95,
        probability_open_done
    from {{ ref('agg_forecast') }}

),

steps as (

    select
        *,
        lag(weeks_ahead, 1, 0) over in_order as previous_week,
        lag(done_p50, 1, 0) over in_order as previous_p50,
        lag(done_p70, 1, 0) over in_order as previous_p70,
        lag(done_p85, 1, 0) over in_order as previous_p85,
        lag(done_p95, 1, 0) over in_order as previous_p95,
        lag(probability_open_done, 1, 0) over in_order as previous_probability
    from forecasts
    window in_order as (partition by team order by weeks_ahead)

)

select
    'The forecast of team ' || team || ' for ' || weeks_ahead
    || ' weeks ahead contradicts its neighbours' as message
from steps
where
    not (
        done_p50 >= done_p70
        and done_p70 >= done_p85
        and done_p85 >= done_p95
        and done_p50 >= previous_p50
        and done_p70 >= previous_p70
        and done_p85 >= previous_p85
        and done_p95 >= previous_p95
        and probability_open_done between previous_probability and 1
        and weeks_ahead = previous_week + 1
    )
