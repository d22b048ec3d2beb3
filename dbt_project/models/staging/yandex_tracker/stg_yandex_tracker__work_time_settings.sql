-- How long Tracker's working day is, nobody can ask it: durations count days of eight hours.
with

final as (

    select 480::integer as minutes_a_day

)

select * from final
